// swift-tools-version: 6.2
import PackageDescription

// Each dependency has its reason here; all else is the lab's own.
let dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),  // the commands of `lab`
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),  // queues and heaps of the broker
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),  // HMAC, HKDF, SHA-256, password hashes
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),  // Hummingbird's requests and answers
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),  // the log of the cloud's router
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),  // the buffers in Hummingbird's bodies
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),  // the cloud's tables, over Debian's SQLite
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),  // the cloud's router
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),  // YAML with places and raw scalars
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),  // the cloud's tokens
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

// Arrows point to LabCore. Siblings do not know one another; only Runner sees a world, only `lab` sees all stages.
let targets: [Target] = [
    // Pure: no I/O, no clock, no randomness of their own.
    .target(name: "LabCore"),
    .target(name: "ScenarioLanguage", dependencies: ["LabCore", yams]),
    .target(name: "WireProtocols", dependencies: ["LabCore"]),
    .target(name: "Simulation", dependencies: ["LabCore"]),
    .target(name: "Emulators", dependencies: ["LabCore", crypto]),
    .target(name: "MQTTBroker", dependencies: ["LabCore", "WireProtocols", deque, heap]),
    .target(name: "Verdicts", dependencies: ["LabCore"]),
    .target(name: "Reports", dependencies: ["LabCore"]),
    // The system under test.
    .target(
        name: "Cloud",
        dependencies: ["LabCore", crypto, cryptoExtras, grdb, httpTypes, hummingbird, jwtKit, logging, nioCore]),
    // Edges.
    .target(name: "Archive", dependencies: ["LabCore"]),
    // Composition.
    .target(
        name: "Runner", dependencies: ["LabCore", "Simulation", "Emulators", "WireProtocols", "MQTTBroker", "Cloud", deque]),
    .executableTarget(
        name: "lab",
        dependencies: ["LabCore", "ScenarioLanguage", "Runner", "Verdicts", "Reports", "Archive", crypto, argumentParser]),

    // For tests: worlds, timelines, differences of logs.
    .target(name: "LabTesting", dependencies: ["LabCore", "Simulation", "Runner"]),

    .testTarget(name: "LabCoreTests", dependencies: ["LabCore"]),
    .testTarget(name: "SimulationTests", dependencies: ["LabCore", "Simulation"]),
    .testTarget(name: "WireProtocolsTests", dependencies: ["LabCore", "WireProtocols"]),
    .testTarget(name: "MQTTBrokerTests", dependencies: ["LabCore", "WireProtocols", "MQTTBroker"]),
    .testTarget(
        name: "ScenarioLanguageTests", dependencies: ["LabCore", "ScenarioLanguage"], exclude: ["Corpus", "validate.py"]),
    .testTarget(name: "EmulatorsTests", dependencies: ["LabCore", "Emulators", crypto]),
    .testTarget(name: "VerdictsTests", dependencies: ["LabCore", "Verdicts"]),
    .testTarget(name: "ReportsTests", dependencies: ["LabCore", "Reports"]),
    .testTarget(name: "CloudTests", dependencies: ["LabCore", "Cloud", crypto, grdb]),
    .testTarget(name: "ArchiveTests", dependencies: ["LabCore", "Archive"]),
    .testTarget(name: "RunnerTests", dependencies: ["LabCore", "LabTesting", "Runner", "Simulation", "Verdicts"]),
    .testTarget(
        name: "ScenarioTests", dependencies: ["LabCore", "ScenarioLanguage", "Runner", "Verdicts", "Archive"], exclude: ["Failing", "Wrong"]),
]

let package = Package(name: "lab", dependencies: dependencies, targets: targets)

// One set of rules for every target: the features that Swift 7 will have, memory safety, warnings as errors.
for target in package.targets {
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
