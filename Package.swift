// swift-tools-version: 6.2
import PackageDescription

// Each dependency has its reason here; all else is the lab's own.
let dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),  // the commands of `lab`
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),  // PEM and DER of those certificates
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),  // the lab's own certificate authority
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),  // queues and heaps of the broker
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),  // HMAC, HKDF, SHA-256, password hashes
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),  // requests and answers of the cloud's router
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),  // the log of the cloud's router
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),  // sockets, WebSocket, the HTTP server, bodies of the cloud's router
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),  // TLS 1.2 and 1.3 on those sockets
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),  // the cloud's tables and the archive's, over Debian's SQLite
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),  // latencies in constant memory
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),  // the cloud's router
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),  // YAML with places and raw scalars
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),  // the HTTP client of emulated devices
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),  // tests: reads the cloud's tokens
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let swiftASN1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

// Arrows point to LabCore. Siblings do not know one another; only Runner sees a world, only `lab` sees all stages.
let targets: [Target] = [
    // Pure: no I/O, no clock, no randomness of their own.
    .target(name: "LabCore"),
    .target(name: "ScenarioLanguage", dependencies: ["LabCore", yams]),
    .target(name: "WireProtocols", dependencies: ["LabCore"]),
    .target(name: "Simulation", dependencies: ["LabCore"]),
    .target(name: "CloudClient", dependencies: ["LabCore", crypto]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "FirmwareImages", dependencies: ["LabCore", "COpenSSL", "CZlib", crypto, cryptoExtras]),
    .target(name: "Emulators", dependencies: ["LabCore", "CloudClient", "FirmwareImages", "WireProtocols", crypto, cryptoExtras]),
    .target(name: "FirmwareBench", dependencies: ["LabCore", "CloudClient", "Emulators", "FirmwareImages", "Simulation", "WireProtocols", crypto]),
    .target(name: "MQTTBroker", dependencies: ["LabCore", "WireProtocols", deque, heap]),
    .target(name: "Statistics", dependencies: ["LabCore", histogram]),
    .target(name: "Verdicts", dependencies: ["LabCore", "Statistics"]),
    // Judges charging runs a second time; shares no code with the cloud, and must not.
    .target(name: "ChargingOracles", dependencies: ["LabCore"]),
    .target(name: "Reports", dependencies: ["LabCore"]),
    // The system under test.
    .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
        name: "Cloud",
        dependencies: ["LabCore", "CSQLite", "FirmwareImages", "WireProtocols", crypto, cryptoExtras, deque, grdb, httpTypes, hummingbird, logging, swiftASN1, x509]),
    // Edges: where the lab touches the machine.
    .target(name: "CLinux"),
    .target(name: "Programs", dependencies: ["CLinux"]),
    .systemLibrary(name: "CUdev", pkgConfig: "libudev", providers: [.apt(["libudev-dev"])]),
    .target(name: "LoadGenerator", dependencies: ["LabCore", "CLinux", "Statistics", deque]),
    .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
    .target(
        name: "Transports",
        dependencies: [
            "LabCore", "CLinux", "CMosquitto", "CUdev", asyncHTTPClient, nioCore, nioHTTP1, nioPosix,
            nioSSL, nioTLS, nioWebSocket, swiftASN1, x509, crypto,
        ]),
    .target(name: "Drivers", dependencies: ["LabCore", "CloudClient", "WireProtocols"]),
    .target(name: "Bench", dependencies: ["LabCore", "CLinux", "Programs", "Transports", "WireProtocols"]),
    .target(name: "Archive", dependencies: ["LabCore", "Statistics", grdb]),
    // Composition.
    .target(
        name: "Runner", dependencies: ["LabCore", "Bench", "Simulation", "Emulators", "FirmwareImages", "WireProtocols", "MQTTBroker", "Cloud", "CloudClient", "Drivers", "LoadGenerator", "Programs", "Statistics", "Transports", crypto, deque]),
    .executableTarget(
        name: "lab",
        dependencies: [
            "LabCore", "ScenarioLanguage", "WireProtocols", "MQTTBroker", "Emulators", "FirmwareImages", "FirmwareBench", "Bench", "Transports", "Programs", "Runner", "LoadGenerator", "Statistics", "Verdicts", "ChargingOracles", "Reports", "Archive", crypto,
            argumentParser,
        ]),

    // For tests: worlds, timelines, differences of logs.
    .target(name: "LabTesting", dependencies: ["LabCore", "Simulation", "Runner"]),

    .testTarget(name: "LabCoreTests", dependencies: ["LabCore"]),
    .testTarget(name: "SimulationTests", dependencies: ["LabCore", "Simulation"]),
    .testTarget(name: "WireProtocolsTests", dependencies: ["LabCore", "WireProtocols"], exclude: ["Charging/Vectors"]),
    .testTarget(name: "MQTTBrokerTests", dependencies: ["LabCore", "WireProtocols", "MQTTBroker"]),
    .testTarget(
        name: "ScenarioLanguageTests", dependencies: ["LabCore", "Programs", "ScenarioLanguage"], exclude: ["Corpus", "validate.py"]),
    .testTarget(
        name: "FirmwareImagesTests", dependencies: ["LabCore", "FirmwareImages", crypto, cryptoExtras], exclude: ["Tools/Makers"]),
    .testTarget(name: "EmulatorsTests", dependencies: ["LabCore", "CloudClient", "Emulators", "FirmwareImages", "WireProtocols", crypto, cryptoExtras]),
    .testTarget(name: "FirmwareBenchTests", dependencies: ["LabCore", "Emulators", "FirmwareBench", "FirmwareImages"]),
    .testTarget(name: "StatisticsTests", dependencies: ["LabCore", "Programs", "Statistics"], exclude: ["Tools"]),
    .testTarget(name: "VerdictsTests", dependencies: ["LabCore", "Statistics", "Verdicts"]),
    .testTarget(name: "ChargingOraclesTests", dependencies: ["LabCore", "ChargingOracles", "Cloud"]),  // the cloud only to be compared with
    .testTarget(name: "ReportsTests", dependencies: ["LabCore", "Programs", "Reports"]),
    .testTarget(
        name: "CloudTests",
        dependencies: ["LabCore", "Cloud", "Emulators", "FirmwareImages", "Programs", "Simulation", "WireProtocols", crypto, cryptoExtras, grdb, jwtKit]),
    .testTarget(name: "TransportsTests", dependencies: ["LabCore", "Cloud", "Emulators", "Programs", "Simulation", "Transports", nioCore, nioHTTP1, nioPosix, nioSSL, x509]),
    .testTarget(name: "InteroperabilityTests", dependencies: ["LabCore", "MQTTBroker", "Programs", "Transports", "Runner"], exclude: ["Paho"]),
    .testTarget(
        name: "BenchTests", dependencies: ["LabCore", "Bench", "CLinux", "Programs", "Transports", "WireProtocols"],
        exclude: ["MockBench", "Interop/beside-a-run", "Interop/line-control.c", "Interop/modem-manager"]),
    .testTarget(name: "LoadGeneratorTests", dependencies: ["LabCore", "LoadGenerator", "Statistics"]),
    .testTarget(name: "ProgramsTests", dependencies: ["Programs"]),
    .testTarget(name: "DriversTests", dependencies: ["LabCore", "CloudClient", "Drivers", "Emulators", "WireProtocols"]),
    .testTarget(name: "ArchiveTests", dependencies: ["LabCore", "Archive", "Programs"]),
    .testTarget(name: "RunnerTests", dependencies: ["LabCore", "LabTesting", "Runner", "Simulation", "Verdicts"]),
    .testTarget(
        name: "ScenarioTests",
        dependencies: ["LabCore", "Programs", "ScenarioLanguage", "Runner", "Emulators", "Transports", "Verdicts", "ChargingOracles", "Archive"], exclude: ["Failing", "Wrong"]),
]

let package = Package(name: "lab", dependencies: dependencies, targets: targets)

// One set of rules for every target: the features that Swift 7 will have, memory safety, warnings as errors.
for target in package.targets where target.type != .system && !["CLinux", "CSQLite"].contains(target.name) {
    target.swiftSettings = [
        .treatAllWarnings(as: .error),
        .strictMemorySafety(),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .enableUpcomingFeature("ImmutableWeakCaptures"),
    ]
}
