import ArgumentParser
import Foundation
import Verdicts

/// `lab init`: a folder in which `lab run` passes at once, with nothing plugged in.
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Writes lab.yaml, two scenarios and a CI snippet into a folder.")

    @Argument(help: "The folder; it is made if it is missing.")
    var directory = "."

    @Option(help: .hidden) var from: String?

    func run() throws {
        try NotYet.refuse(option: "--from", from != nil)
        if let found = Descriptor.kind(of: directory), found != .folder { throw Stop(.wrongInput, "'\(directory)' is not a folder.") }
        let taken = InitTemplates.files.filter { $0.isEssential && Descriptor.kind(of: place($0)) != nil }
        guard taken.isEmpty else {
            throw Stop(
                .wrongInput,
                "\(directory) has \(taken.map(\.path).joined(separator: ", ")) already; nothing was written. Name another folder.")
        }
        for file in InitTemplates.files {
            guard Descriptor.kind(of: place(file)) == nil else { Console.print("kept  \(place(file))"); continue }
            let url = URL(fileURLWithPath: place(file))
            do {
                try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(file.text.utf8).write(to: url)
            } catch {
                throw Stop(.wrongInput, "Could not write \(place(file)): \(error.localizedDescription)")
            }
            Console.print("wrote \(place(file))")
        }
        Console.print("Now run: \(directory == "." ? "" : "cd \(directory) && ")lab run")
    }

    private func place(_ file: InitTemplates.File) -> String { directory == "." ? file.path : "\(directory)/\(file.path)" }
}

enum InitTemplates {
    struct File {
        var path: String
        var text: String
        /// Where there is one already, nothing is written; the others are kept as they are.
        var isEssential = false
    }

    static let files = [
        File(path: "lab.yaml", text: labFile, isEssential: true),
        File(path: "scenarios/first-light.yaml", text: firstLight, isEssential: true),
        File(path: "scenarios/bad-network.yaml", text: badNetwork, isEssential: true),
        File(path: "firmware-images/README.md", text: firmwareReadme), File(path: ".gitignore", text: "runs/\n"),
        File(path: ".github/workflows/lab.yml", text: workflow),
    ]

    private static let labFile = """
        # The only place that knows devices by name and hardware.
        lab: 1
        about: My lab; everything is emulated.
        defaults: {fidelity: sim, within: 10s, deadline: 5m}
        nodes:
          badge_1:
            kind: badge
            facts: {serial_no: "BDG-0001", firmware: "1.0.0"}
            can: [reboot, power]

        """

    private static let firstLight = """
        lab: 1
        about: A factory-new badge registers, goes online and answers a command.
        tags: [smoke]

        needs:
          badge: {kind: badge}
          cloud: {kind: cloud}

        setup:
          - do: cloud.factory.provision
            with: {serial_no: "BDG-0001"}

        steps:
          - do: badge.boot
            with: {factory_new: true}
          - expect: cloud.mqtt.online
            id: online
            within: 30s
            save: {device: device}
          - do: cloud.device.command
            with: {device: "${device}", command: identify}
            save: {command: command_id}
          - expect: cloud.command.finished
            where: {command_id: "${command}", status: done}
            within: 5s

        limits:
          - online.latency <= 10s

        """

    private static let badNetwork = """
        lab: 1
        about: The same on a network that loses every fifth segment.
        tags: [network]

        needs:
          badge: {kind: badge}
          cloud: {kind: cloud}

        matrix:
          loss: ["0%", "20%"]

        setup:
          - do: cloud.factory.provision
            with: {serial_no: "BDG-0001"}
          - fault: badge.link.loss
            with: {rate: "${loss}"}

        steps:
          - do: badge.boot
            with: {factory_new: true}
          - expect: cloud.mqtt.online
            within: 1m

        """

    private static let firmwareReadme = """
        # Firmware images

        Put the images of your devices here; scenarios name them by path.

        """

    private static let workflow = """
        name: lab
        on: [push]
        jobs:
          sim:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: lab check
              - run: lab run --report junit=junit.xml
              - uses: actions/upload-artifact@v4
                if: always()
                with:
                  name: lab
                  path: |
                    junit.xml
                    runs/

        """
}
