import LabCore

/// The events of a run of `scenarios/charging/order.yaml` with seed 1, without its frames, commits and steps: an order of twenty minutes at
/// 2 fen a minute.
enum RecordedOrder {
    static let plan = Plan(
        scenario: "charging/order", file: "scenarios/charging/order.yaml", about: "",
        roles: ["pile", "cloud"].map { Role(name: $0, kind: $0, location: SourceLocation(file: "scenarios/charging/order.yaml", line: 1, column: 1)) })

    static func events() throws -> [RunEvent] { try lines.split(separator: "\n").map { try RunEvent(jsonLine: Array($0.utf8)) } }

    private static let lines = #"""
        {"seq":1,"t":0,"node":"cloud","event":"started"}
        {"seq":2,"t":0,"node":"lab","event":"run.started","fields":{"scenario":"charging/order","file":"scenarios/charging/order.yaml","world":"sim","seed":"0x1","cell":{}}}
        {"seq":13,"t":1500000000,"node":"pile","event":"booted","cause":10,"fields":{"pile":"04620001","waiting":0}}
        {"seq":17,"t":1530000000,"node":"cloud","event":"pile.online","cause":14,"fields":{"pile":"04620001","protocol":"dny","ports":2,"firmware":"","peer":"pile"}}
        {"seq":29,"t":1530000000,"node":"cloud","event":"wallet.credited","cause":28,"fields":{"user":"rider","cents":1000,"kind":"top_up"}}
        {"seq":34,"t":1530000000,"node":"pile","event":"plugged","cause":33,"fields":{"port":1}}
        {"seq":38,"t":1530000000,"node":"cloud","event":"order.created","cause":37,"fields":{"order":"01KDVDNBFT9J3764","user":"rider","pile":"04620001","port":1,"hold":40,"tariff":{"name":"per minute","utc_offset":480,"price_lock":"at_start","elec":{"flat":0},"service":{"flat":0},"time":{"flat":2000,"step_seconds":60}}}}
        {"seq":39,"t":1530000000,"node":"cloud","event":"order.state","cause":38,"fields":{"order":"01KDVDNBFT9J3764","from":"held","to":"starting"}}
        {"seq":46,"t":1540000000,"node":"pile","event":"online","cause":45,"fields":{"pile":"04620001"}}
        {"seq":51,"t":2040000000,"node":"pile","event":"charge.started","cause":50,"fields":{"port":1,"order":"01KDVDNBFT9J3764","register":0,"power":1800,"limit_seconds":1200}}
        {"seq":60,"t":4250000000,"node":"cloud","event":"order.state","cause":59,"fields":{"order":"01KDVDNBFT9J3764","from":"starting","to":"charging"}}
        {"seq":61,"t":4250000000,"node":"cloud","event":"order.started","cause":60,"fields":{"order":"01KDVDNBFT9J3764","user":"rider","pile":"04620001","port":1}}
        {"seq":66,"t":12050000000,"node":"cloud","event":"order.sample","cause":65,"fields":{"order":"01KDVDNBFT9J3764","energy":0,"power":1800,"cents":2}}
        {"seq":75,"t":312050000000,"node":"cloud","event":"order.sample","cause":74,"fields":{"order":"01KDVDNBFT9J3764","energy":100,"power":1800,"cents":12}}
        {"seq":88,"t":612050000000,"node":"cloud","event":"order.sample","cause":87,"fields":{"order":"01KDVDNBFT9J3764","energy":300,"power":1800,"cents":22}}
        {"seq":101,"t":912050000000,"node":"cloud","event":"order.sample","cause":100,"fields":{"order":"01KDVDNBFT9J3764","energy":400,"power":1800,"cents":32}}
        {"seq":107,"t":1202040000000,"node":"pile","event":"bill.queued","cause":103,"fields":{"port":1,"order":"01KDVDNBFT9J3764","reason":"time","energy":600,"seconds":1200,"waiting":1}}
        {"seq":109,"t":1202040000000,"node":"pile","event":"charge.stopped","cause":108,"fields":{"port":1,"order":"01KDVDNBFT9J3764","reason":"time","energy":600,"minutes":20,"seconds":1200}}
        {"seq":110,"t":1202040000000,"node":"pile","event":"truth","cause":109,"fields":{"port":1,"order":"01KDVDNBFT9J3764","energy":600,"started":1767225602,"ended":1767226802,"register_started":0,"register_ended":600}}
        {"seq":113,"t":1202050000000,"node":"cloud","event":"order.sample","cause":112,"fields":{"order":"01KDVDNBFT9J3764","energy":600,"power":0,"cents":40}}
        {"seq":114,"t":1202050000000,"node":"cloud","event":"order.state","cause":113,"fields":{"order":"01KDVDNBFT9J3764","from":"charging","to":"stopping","reason":"limit"}}
        {"seq":122,"t":1203070000000,"node":"cloud","event":"order.state","cause":121,"fields":{"order":"01KDVDNBFT9J3764","from":"stopping","to":"await_bill","reason":"limit"}}
        {"seq":127,"t":1206050000000,"node":"cloud","event":"order.settled","cause":126,"fields":{"order":"01KDVDNBFT9J3764","user":"rider","pile":"04620001","port":1,"cents":40,"energy":600,"seconds":1200,"reason":"time","estimated":false}}
        {"seq":128,"t":1206050000000,"node":"cloud","event":"wallet.debited","cause":127,"fields":{"user":"rider","order":"01KDVDNBFT9J3764","cents":40,"owed":false}}
        {"seq":129,"t":1206050000000,"node":"cloud","event":"revenue.credited","cause":128,"fields":{"operator":"lab","order":"01KDVDNBFT9J3764","line":"time","cents":40}}
        {"seq":130,"t":1206050000000,"node":"cloud","event":"order.state","cause":129,"fields":{"order":"01KDVDNBFT9J3764","from":"await_bill","to":"closed","reason":"time"}}
        {"seq":131,"t":1206050000000,"node":"cloud","event":"order.closed","cause":130,"fields":{"order":"01KDVDNBFT9J3764","user":"rider","pile":"04620001","port":1,"cents":40}}
        {"seq":144,"t":1206060000000,"node":"pile","event":"bill.acknowledged","cause":143,"fields":{"port":1,"order":"01KDVDNBFT9J3764"}}
        {"seq":148,"t":1206150000000,"node":"lab","event":"run.ended","cause":147,"fields":{"reason":"done"}}
        """#
}
