import Emulators
import FirmwareImages
import LabCore
import Simulation

/// D1 to D5, N1 to N12: what comes over the network, and how.
extension CatalogueBuilder {
    mutating func addDeltas(_ delta: [UInt8]) throws {
        func release(_ about: String, _ file: [UInt8], _ change: (inout ReleaseManifest) -> Void = { _ in }) throws -> Release {
            Release(about, version: version, image: deltaTarget, manifest: try deltaManifest(delta, change: change), delta: file)
        }
        let others: [(String, (inout ReleaseManifest) -> Void)] = [
            ("a base that this badge does not run", { $0.delta?.baseSHA256 = Array(repeating: 0x11, count: 32) }),
            ("a base with one bit changed", { $0.delta?.baseSHA256[0] ^= 1 }),
            ("another version as base", { $0.delta?.baseFirmware = FirmwareVersion(9, 9, 9) }),
        ]
        for (about, change) in others {
            let index = add(try release(about, delta, change))
            var entry = TortureCase(family: .d1, about: about, offers: [index], endings: [.new], results: ["succeeded"], mayRun: [index])
            // What the version is called does not matter, its hash does.
            entry.forbidsDelta = !about.contains("version")
            cases.append(entry)
        }
        // The delta itself is for another base, and the manifest says it is for this one.
        var base = setup.old
        base[base.count / 2] ^= 0x10
        let wrong = DeltaImage.make(from: base, to: deltaTarget)
        let manifest = try deltaManifest(wrong) { $0.delta?.baseSHA256 = ReleaseHash.of(setup.old) }
        let lying = add(Release("a delta for another base", version: version, image: deltaTarget, manifest: manifest, delta: wrong))
        cases.append(
            TortureCase(
                family: .d1, about: "a delta for another base under the right name", offers: [lying], endings: [.new], results: ["succeeded"], mayRun: [lying]))
        for cut in [0, 8, 111, 112, delta.count / 2, delta.count - 1] where cut < delta.count {
            let index = add(try release("a delta cut at \(cut)", Array(delta.prefix(cut))))
            cases.append(TortureCase(family: .d2, about: "a delta cut at \(cut)", offers: [index], endings: [.new, .old], mayRun: [index]))
        }
        for _ in 0..<24 {
            let place = Int(generator.integer(below: UInt64(delta.count)))
            var damaged = delta
            damaged[place] ^= 0x20
            // Under its own tag it is another file than the one that is signed.
            let index = add(try release("a delta damaged at \(place)", damaged))
            cases.append(TortureCase(family: .d2, about: "a delta damaged at \(place)", offers: [index], endings: [.new, .old], mayRun: [index]))
            // The hash of the damaged delta was signed: only its own checks are left.
            let signed = add(try release("a delta damaged at \(place), signed", damaged) { $0.delta?.sha256 = ReleaseHash.of(damaged) })
            cases.append(
                TortureCase(family: .d5, about: "a delta damaged at \(place) before it was signed", offers: [signed], endings: [.new], mayRun: [signed]))
        }
        good(.d2, "a delta damaged on the way", [], results: ["succeeded"], faults: [.damagesDelta], release: deltaRelease)
        let length = deltaTarget.count * 2
        let large = add(try release("a delta larger than the image", delta) { $0.delta?.length = length })
        cases.append(
            TortureCase(family: .d4, about: "a delta larger than the image", offers: [large], endings: [.new], results: ["succeeded"], mayRun: [large]))
        let other = add(try release("a delta that makes something else", delta) { $0.delta?.resultSHA256 = Array(repeating: 0x22, count: 32) })
        cases.append(
            TortureCase(family: .d5, about: "a delta that makes something else", offers: [other], endings: [.new, .old], mayRun: [other]))
    }

    private struct Weather {
        var family: TortureCase.Family
        var about: String
        var kind: HTTPFault.Kind
        /// How an update ends during which this never stops.
        var always: Set<TortureCase.Ending>
        var twice: Set<TortureCase.Ending> = [.new]
    }

    private var weathers: [Weather] {
        [
            Weather(family: .n1, about: "no answer", kind: .stall, always: [.old]),
            Weather(family: .n1, about: "1 byte/s", kind: .trickle(bytesPerSecond: 1), always: [.old]),
            Weather(family: .n1, about: "200 bytes/s", kind: .trickle(bytesPerSecond: 200), always: [.new, .old]),
            Weather(family: .n1, about: "a reset at once", kind: .reset(afterBytes: 0), always: [.old]),
            Weather(family: .n1, about: "a reset after 100 bytes", kind: .reset(afterBytes: 100), always: [.old]),
            Weather(family: .n1, about: "a reset after 4,000 bytes", kind: .reset(afterBytes: 4_000), always: [.old, .new]),
            Weather(family: .n2, about: "200 with everything", kind: .ignoreRange, always: [.new]),
            Weather(family: .n3, about: "a range 1 byte later", kind: .wrongOffset(by: 1), always: [.old]),
            Weather(family: .n3, about: "a range 4,096 bytes earlier", kind: .wrongOffset(by: -4_096), always: [.old]),
            Weather(family: .n3, about: "a range 4,096 bytes later", kind: .wrongOffset(by: 4_096), always: [.old]),
            Weather(family: .n3, about: "no content-range", kind: .noContentRange, always: [.old]),
            Weather(family: .n6, about: "content-length 1 too small", kind: .wrongLength(by: -1), always: [.old]),
            Weather(family: .n6, about: "content-length 100 too large", kind: .wrongLength(by: 100), always: [.old]),
            Weather(family: .n6, about: "gzip", kind: .gzip, always: [.old]),
            Weather(family: .n6, about: "a redirect to itself", kind: .redirect(to: "/api/v1/versions/\(word)/download?loop=1"), always: [.old]),
            Weather(family: .n6, about: "a redirect to another host", kind: .redirect(to: "https://evil.example/image"), always: [.old]),
            // One restart is what a badge allows itself, so that a second change can be one too many.
            Weather(family: .n6, about: "a changed byte", kind: .corrupt, always: [.old], twice: [.new, .old]),
            Weather(family: .n7, about: "1 byte more", kind: .endless(extra: 1), always: [.old]),
            Weather(family: .n7, about: "1 MB more", kind: .endless(extra: 1 << 20), always: [.old]),
            Weather(family: .n8, about: "403", kind: .status(403, retryAfter: nil), always: [.old]),
            Weather(family: .n10, about: "a log-in page", kind: .captivePortal, always: [.old]),
            Weather(family: .n11, about: "2 s more", kind: .delay(.seconds(2)), always: [.new]),
            Weather(family: .n11, about: "45 s more", kind: .delay(.seconds(45)), always: [.old]),
            Weather(family: .n11, about: "every request twice", kind: .duplicate, always: [.new]),
            Weather(family: .n12, about: "503", kind: .status(503, retryAfter: 30), always: [.old]),
            Weather(family: .n12, about: "429", kind: .status(429, retryAfter: 120), always: [.old]),
            Weather(family: .n12, about: "500", kind: .status(500, retryAfter: nil), always: [.old]),
        ]
    }

    mutating func addDownloads() {
        let blocks = max(1, (setup.image.count + 4_095) / 4_096)
        let places = Set([0, 1, blocks / 2, blocks - 1]).sorted()
        for weather in weathers {
            for place in places {
                for times in [1, 2, nil] as [Int64?] {
                    let fault = HTTPFault(weather.kind, path: "/download", times: times)
                    let often = times.map { "\($0) times" } ?? "always"
                    good(
                        weather.family, "\(weather.about) from block \(place), \(often)", [.http(fault)],
                        endings: times == nil ? weather.always : times == 2 ? weather.twice : [.new], start: .blocks(place))
                    if times == 1 {
                        good(
                            weather.family, "\(weather.about) from block \(place), then power goes", [.http(fault), .power(at: "ota.block_written", nth: 2)],
                            start: .blocks(place))
                    }
                }
            }
            for path in ["/check", "/manifest", "/report", "/token"] where weather.family != .n6 || path != "/report" {
                // After a 403 the badge asks again a day later: three times are longer than an attempt may take.
                for times in [1, 3] as [Int64] where weather.family != .n8 || times == 1 {
                    good(
                        weather.family, "\(weather.about) for \(path), \(times) times", [.http(HTTPFault(weather.kind, path: path, times: times))],
                        endings: path == "/manifest" || path == "/token" ? [.new, .old] : [.new])
                }
            }
        }
        good(.n2, "200 with everything but for the first range", [], faults: [.ignoresLaterRanges])
        good(.n4, "power goes when all is there", [.power(at: "ota.downloaded", nth: 1)])
        good(.n4, "power goes when the last block is written", [.power(at: "ota.block_written", nth: blocks)])
        good(.n4, "power goes when all is verified", [.power(at: "ota.verified", nth: 1)])
        for place in places {
            // What stands there now is not what was signed, and stays.
            good(
                .n5, "another image from block \(place) on", [], endings: place == 0 || blocks > 1 ? [.old] : [.old, .new],
                faults: [.switchesImage(afterBlocks: place, to: switchedRelease)])
            for times in [1, 2] {
                good(.n8, "the address expires \(times) times, from block \(place) on", [], faults: [.expiresAddress(afterBlocks: place, times: times)])
            }
        }
        for seed in UInt64(0)..<40 {
            good(.n11, "a network that fails 1 of 10 requests, seed \(seed)", [.lossy(seed: seed, rate: 0.1)], endings: [.new, .old])
            good(.n11, "a network that fails 3 of 10 requests, seed \(seed)", [.lossy(seed: seed, rate: 0.3)], endings: [.new, .old])
        }
        for index in cases.indices where [.n2, .n3, .n4, .n5, .n6, .n7, .n8].contains(cases[index].family) {
            let isCorrupting = cases[index].injections.contains { if case .http(let fault) = $0 { fault.kind == .corrupt } else { false } }
            cases[index].checksBlocks = !isCorrupting
        }
        good(.n9, "the slot is full", [.device("flash.full", [:], at: nil)], endings: [.old], results: ["failed"])
        good(.n9, "the flash lies", [.device("flash.corrupt", [:], at: nil)], endings: [.old], results: ["failed", "rolled_back"])
        for sector in 0..<blocks {
            good(
                .n9, "sector \(sector) of the slot is bad", [.device("flash.bad_sector", ["sector": .integer(Int64(sector))], at: nil)], endings: [.old],
                results: ["failed"])
        }
        for note in ["ota.block_written", "ota.downloaded"] {
            good(.n9, "the slot becomes full at \(note)", [.device("flash.full", [:], at: note)], endings: [.old, .new])
            good(.n9, "the flash lies from \(note) on", [.device("flash.corrupt", [:], at: note)], endings: [.old, .new])
        }
    }

    /// As long as the image and different at its end, so that only its tag or its hash tells it apart.
    private var switchedRelease: Int {
        let end = setup.image.suffix(128)
        return releases.firstIndex { $0.image.count == setup.image.count && !$0.image.suffix(128).elementsEqual(end) } ?? 0
    }
}
