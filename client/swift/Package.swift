// swift-tools-version:5.9
import PackageDescription

// Not compiled here: see README.md. The binary target is made of libfedspend_client.a for each platform.
let package = Package(
    name: "Fedspend",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Fedspend", targets: ["Fedspend"])],
    targets: [
        .binaryTarget(name: "FedspendClient", path: "FedspendClient.xcframework"),
        .target(name: "CFedspend", dependencies: ["FedspendClient"], path: "Sources/CFedspend"),
        .target(
            name: "Fedspend",
            dependencies: ["CFedspend"],
            path: "Sources/Fedspend",
            resources: [.copy("PrivacyInfo.xcprivacy")],
            linkerSettings: [.linkedLibrary("sqlite3"), .linkedLibrary("c++")]
        ),
        .testTarget(name: "FedspendTests", dependencies: ["Fedspend"], path: "Tests/FedspendTests"),
    ]
)
