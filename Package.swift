// swift-tools-version: 6.2
import PackageDescription
let package = Package(name: "lab", dependencies: [
  .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
  .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
  .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
  .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
  .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
], targets: [
 .executableTarget(name: "lab", dependencies: [
  .product(name: "ArgumentParser", package: "swift-argument-parser"),
  .product(name: "Logging", package: "swift-log"),
  .product(name: "OrderedCollections", package: "swift-collections"),
  .product(name: "DequeModule", package: "swift-collections"),
  .product(name: "Crypto", package: "swift-crypto"),
  .product(name: "HTTPTypes", package: "swift-http-types"),
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "GRDB", package: "GRDB.swift"),
  .product(name: "Hummingbird", package: "hummingbird"),
  .product(name: "JWTKit", package: "jwt-kit"),
  .product(name: "Yams", package: "Yams"),
 ])
])
