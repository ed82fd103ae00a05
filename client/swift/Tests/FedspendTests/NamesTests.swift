import CFedspend
import XCTest

@testable import Fedspend

final class NamesTests: XCTestCase {
    func testTheLibraryIsOfTheHeadersVersion() {
        XCTAssertEqual(fedspend_version(), UInt32(FEDSPEND_CLIENT_VERSION))
    }

    func testAKeyOfTheWrongLengthIsRefused() {
        final class Nobody: Host {
            func conditions() throws -> Conditions { Conditions() }
            func log(warning: Bool, text: String) {}
            func phase(_ phase: Int32) {}
            var keys: KeyWrapper? { nil }
        }
        XCTAssertThrowsError(try Device(Options(persistentFolder: "/nowhere", population: "cards", releaseKey: Data(), authorityKey: Data()), host: Nobody()))
    }
}
