// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours: Swift 6 mode, strict imports, and no warning survives.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// Generated code is not ours to keep free of warnings; the language mode still holds.
let generated: [SwiftSetting] = [
  .swiftLanguageMode(.v6)
]

let strictC: [CSetting] = [
  .unsafeFlags(["-Wall", "-Wextra", "-Werror", "-std=gnu17"])
]

let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcInProcess = Target.Dependency.product(
  name: "GRPCInProcessTransport", package: "grpc-swift-2")
let grpcProtobuf = Target.Dependency.product(
  name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
  name: "worker",
  products: [
    .executable(name: "worker", targets: ["worker"]),
    .library(name: "JobEngine", targets: ["JobEngine"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0", traits: []),
    .package(url: "https://github.com/grpc/grpc-swift-2", exact: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", exact: "2.4.1"),
    // Not used by us: pinned because grpc-swift-2 asks for a range, and a build must not drift.
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
  ],
  targets: [
    // Kernel and libraries.
    .target(name: "CLinux", cSettings: strictC),
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: strict),

    // Jobs.
    .target(name: "JobStore", dependencies: ["Linux", "CLinux"], swiftSettings: strict),
    .target(
      name: "JobInit", dependencies: ["JobStore", "Linux", "CLinux"], swiftSettings: strict),
    .target(name: "JobEngine", dependencies: ["JobStore", "Linux"], swiftSettings: strict),

    // The service.
    .target(
      name: "JobAPI", dependencies: [grpcCore, grpcProtobuf, protobuf],
      exclude: ["job.proto"], swiftSettings: generated),
    .target(
      name: "GRPCNghttp2",
      dependencies: [grpcCore, "CNghttp2", "COpenSSL", "Linux", "CLinux"], swiftSettings: strict),
    .target(name: "PKI", dependencies: ["COpenSSL", "Linux"], swiftSettings: strict),
    .target(
      name: "JobServer",
      dependencies: [
        "JobEngine", "JobAPI", "GRPCNghttp2", "PKI", "Linux", grpcCore, grpcProtobuf, protobuf,
        logging,
      ],
      swiftSettings: strict),
    .target(
      name: "JobClient",
      dependencies: ["JobAPI", "GRPCNghttp2", "Linux", grpcCore, grpcProtobuf, protobuf],
      swiftSettings: strict),
    .executableTarget(
      name: "worker",
      dependencies: [
        "JobServer", "JobEngine", "JobClient", "JobInit", "JobAPI", "GRPCNghttp2", "PKI", "Linux",
        argumentParser, grpcCore, protobuf, logging,
      ],
      swiftSettings: strict),

    // Tests, ring by ring.
    .target(name: "CTestSupport", path: "Tests/CTestSupport", cSettings: strictC),
    .target(
      name: "TestSupport",
      dependencies: [
        "CTestSupport", "Linux", "PKI", "GRPCNghttp2", "JobEngine", "JobServer", "JobClient",
        "JobAPI", grpcCore, logging,
      ],
      path: "Tests/TestSupport", swiftSettings: strict),
    .testTarget(
      name: "LinuxTests", dependencies: ["Linux", "CLinux", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "JobStoreTests", dependencies: ["JobStore", "Linux", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "JobInitTests", dependencies: ["JobInit", "JobStore", "Linux", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "JobEngineTests", dependencies: ["JobEngine", "JobStore", "Linux", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "GRPCNghttp2Tests",
      dependencies: [
        "GRPCNghttp2", "CNghttp2", "COpenSSL", "PKI", "Linux", "TestSupport", grpcCore,
      ],
      exclude: ["Interop"], swiftSettings: strict),
    .testTarget(
      name: "JobServerTests",
      dependencies: [
        "JobServer", "JobClient", "JobEngine", "JobAPI", "GRPCNghttp2", "PKI", "Linux",
        "TestSupport", grpcCore, grpcInProcess, grpcProtobuf, protobuf, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "PKITests", dependencies: ["PKI", "COpenSSL", "Linux", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "worker", "JobClient", "JobAPI", "GRPCNghttp2", "Linux", "TestSupport", argumentParser,
        grpcCore, protobuf,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests", dependencies: ["Linux", "TestSupport", "JobAPI", protobuf],
      exclude: ["Interop"], swiftSettings: strict),
  ]
)
