// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the product does not pay for the peers that are measured beside it.
// SwiftPM refuses targets outside of the package's folder, so the lab's modules are here as relative symbolic links.
let package = Package(
    name: "lab-benchmarks",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2")  // EmbeddedEventLoop, a peer of the kernel
    ],
    targets: [
        .target(name: "LabCore"),
        .target(name: "Simulation", dependencies: ["LabCore"]),
        .target(name: "CProcess"),
        .executableTarget(
            name: "KernelBenchmark",
            dependencies: [
                "LabCore", "Simulation", "CProcess",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio"),
            ]),
    ])

for target in package.targets where target.name != "CProcess" {
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
