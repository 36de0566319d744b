// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the product does not pay for the peers that are measured beside it.
// SwiftPM refuses targets outside of the package's folder, so the lab's modules are here as relative symbolic links.
let package = Package(
    name: "lab-benchmarks",
    dependencies: [
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),  // also EmbeddedEventLoop, a peer of the kernel
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    ],
    targets: [
        .target(name: "LabCore"),
        .target(name: "Simulation", dependencies: ["LabCore"]),
        .target(name: "WireProtocols", dependencies: ["LabCore"]),
        .target(
            name: "MQTTBroker",
            dependencies: [
                "LabCore", "WireProtocols", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(name: "CLinux"),
        .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        .systemLibrary(name: "CUdev", pkgConfig: "libudev", providers: [.apt(["libudev-dev"])]),
        // Only the parts that are measured.
        .target(
            name: "Transports",
            dependencies: [
                "LabCore", "CLinux", "CMosquitto", "CUdev", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"), .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"), .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
            ]),
        .target(name: "Runner", dependencies: ["LabCore", "WireProtocols", "MQTTBroker", "Transports"]),
        .target(name: "CProcess"),
        .target(name: "CLoad", cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-O2"])]),
        .executableTarget(
            name: "BrokerBenchmark", dependencies: ["BenchTable", "LabCore", "WireProtocols", "MQTTBroker", "Transports", "Runner", "CLoad"]),
        .target(name: "CSerial", cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-O2"])]),
        // Of the bench only how recordings are written.
        .target(name: "Bench", dependencies: ["LabCore"]),
        .executableTarget(name: "RecordingBenchmark", dependencies: ["BenchTable", "LabCore", "Bench"]),
        .executableTarget(name: "DiscoveryBenchmark", dependencies: ["BenchTable", "LabCore", "Transports"]),
        .executableTarget(name: "PortsBenchmark", dependencies: ["BenchTable", "LabCore", "Transports", "CSerial"]),
        .executableTarget(name: "SerialBenchmark", dependencies: ["BenchTable", "LabCore", "Transports", "CSerial"]),
        .executableTarget(
            name: "BadgeClientsBenchmark", dependencies: ["BenchTable", "LabCore", "WireProtocols", "MQTTBroker", "Transports", "Runner", "CLoad"]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "FirmwareImages",
            dependencies: [
                "LabCore", "COpenSSL", "CZlib", .product(name: "Crypto", package: "swift-crypto"), .product(name: "CryptoExtras", package: "swift-crypto"),
            ]),
        .executableTarget(name: "FirmwareBenchmark", dependencies: ["BenchTable", "FirmwareImages", .product(name: "Crypto", package: "swift-crypto")]),
        .target(name: "CloudClient", dependencies: ["LabCore", .product(name: "Crypto", package: "swift-crypto")]),
        .target(name: "Statistics", dependencies: ["LabCore", .product(name: "Histogram", package: "hdrhistogram-swift")]),
        .target(
            name: "LoadGenerator", dependencies: ["LabCore", "CLinux", "Statistics", .product(name: "DequeModule", package: "swift-collections")]),
        .executableTarget(name: "LoadBenchmark", dependencies: ["BenchTable", "LabCore", "CLoad", "LoadGenerator", "Statistics"]),
        .executableTarget(name: "RegisterBenchmark", dependencies: ["BenchTable", "LabCore", "CLoad", "CloudClient", "LoadGenerator", "Statistics"]),
        .target(
            name: "Emulators",
            dependencies: [
                "LabCore", "CloudClient", "FirmwareImages", "WireProtocols", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ]),
        .target(
            name: "FirmwareBench",
            dependencies: [
                "LabCore", "CloudClient", "Emulators", "FirmwareImages", "Simulation", "WireProtocols", .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(
            name: "Cloud",
            dependencies: [
                "LabCore", "CSQLite", "FirmwareImages", "WireProtocols", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"), .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
            ]),
        .target(name: "ChargingOracles", dependencies: ["LabCore"]),
        // What benchmarks share: the table that they print, their options, services in processes of their own.
        .target(name: "BenchTable"),
        // The cloud on sockets over a database in a file, for programs that measure it from another process.
        .target(name: "ServedCloud", dependencies: ["LabCore", "Simulation", "Cloud", "CloudClient", "Transports"]),
        .executableTarget(
            name: "CloudBenchmark",
            dependencies: [
                "BenchTable", "ServedCloud", "LabCore", "Simulation", "Cloud", "CloudClient", "ChargingOracles", "Emulators", "FirmwareImages",
                "Transports", "WireProtocols", "CLoad", "CSockets",
            ]),
        // Sockets with nothing between them and the system, for the clients of a load.
        .target(name: "CSockets", cSettings: [.define("_GNU_SOURCE")]),
        .executableTarget(name: "TortureBenchmark", dependencies: ["BenchTable", "LabCore", "Emulators", "FirmwareBench", "FirmwareImages"]),
        .executableTarget(
            name: "KernelBenchmark",
            dependencies: [
                "BenchTable", "LabCore", "Simulation", "CProcess",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio"),
            ]),
    ])

for target in package.targets where !["CProcess", "CLoad", "CSerial", "CSockets", "CLinux", "CMosquitto", "COpenSSL", "CSQLite", "CUdev", "CZlib"].contains(target.name) {
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
