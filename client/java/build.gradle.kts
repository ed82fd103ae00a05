// An Android library (AAR) of the Java face and its native part. Not built in this repository: see README.md.
plugins {
    id("com.android.library") version "8.5.1"
}

android {
    namespace = "org.fedspend.client"
    compileSdk = 35
    ndkVersion = "27.0.12077973"

    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
        externalNativeBuild {
            cmake {
                targets += "fedspend_client_jni"
                arguments += listOf(
                    "-DFEDSPEND_WITH_TORCH=OFF", "-DFEDSPEND_WITH_ZEROMQ=OFF", "-DFEDSPEND_WITH_COORDINATOR=OFF", "-DFEDSPEND_WITH_SIMULATIONS=OFF",
                    "-DFEDSPEND_WITH_PYTHON=OFF", "-DFEDSPEND_WITH_TESTS=OFF", "-DFEDSPEND_WITH_BENCHMARKS=OFF", "-DFEDSPEND_STATIC_DEPENDENCIES=ON",
                    "-DFEDSPEND_STATIC_KERNELS=ON", "-DCMAKE_BUILD_TYPE=MinSizeRel", "-DANDROID_STL=c++_static",
                    // Segments for 16 KB pages; the project's own link options ask for them as well.
                    "-DANDROID_SUPPORT_FLEXIBLE_PAGE_SIZES=ON",
                    // Where libsodium, SQLite and the header libraries were built for this ABI.
                    "-DCMAKE_FIND_ROOT_PATH=${providers.gradleProperty("fedspend.prefix").getOrElse("/opt/fedspend-android")}",
                )
            }
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    externalNativeBuild {
        cmake {
            path = file("../../CMakeLists.txt")
            version = "3.25.1+"
        }
    }

    buildTypes {
        release {
            // Unstripped symbols go beside the stripped library, for the store's crash reports.
            ndk.debugSymbolLevel = "FULL"
        }
    }
}
