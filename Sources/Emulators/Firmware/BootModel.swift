package import FirmwareImages

/// Whose rules the bootloader of an emulated device follows (specs/ota.md §2 and §5).
package enum BootModel: String, Sendable, CaseIterable {
    /// MCUboot with swap by moving: images change places, an unconfirmed one is swapped back at the next reset.
    case mcuboot
    /// ESP-IDF with rollback and anti-rollback: two slots and otadata in two sectors; an unconfirmed image has one boot.
    case esp
    /// As RAUC expects of a bootloader: two slots, an order, and three attempts for what is not marked good.
    case rauc

    package var format: ImageFormat {
        switch self {
        case .mcuboot: .mcuboot
        case .esp: .esp32
        case .rauc: .rauc
        }
    }
}

/// How a reset ended in the bootloader.
package enum BootOutcome: Sendable, Equatable {
    case runs(RunningImage)
    /// No slot holds an image that may be started. The device stays in its bootloader and says so; only the factory's tool helps.
    case stuck(reason: String)

    package var running: RunningImage? {
        if case .runs(let image) = self { image } else { nil }
    }
}

/// What the bootloader jumped to.
package struct RunningImage: Sendable, Equatable {
    /// How sure the bootloader is that the image was signed by somebody whom it trusts.
    package enum Signature: String, Sendable { case valid, invalid, unchecked }

    /// `a` or `b`; with MCUboot always `a`, since images change places.
    package var slot: String
    package var image: BootableImage
    /// What an emulated device executes; nil in images that were not made for one.
    package var application: EmulatedApplication?
    package var isConfirmed: Bool
    /// Number of this try of an unconfirmed image, from 1; 0 for a confirmed one.
    package var attempt: Int
    /// The bootloader went back to this image because a newer one was not confirmed; true until the next activation.
    package var isRevert: Bool
    /// Nothing better was left: the image was given up before, and the other slot holds none that could be started.
    package var isLastResort: Bool
    package var signature: Signature
    /// Flash operations of this boot.
    package var operations: UInt64

    package init(
        slot: String, image: BootableImage, application: EmulatedApplication?, isConfirmed: Bool, attempt: Int, isRevert: Bool,
        isLastResort: Bool = false, signature: Signature, operations: UInt64
    ) {
        self.slot = slot
        self.image = image
        self.application = application
        self.isConfirmed = isConfirmed
        self.attempt = attempt
        self.isRevert = isRevert
        self.isLastResort = isLastResort
        self.signature = signature
        self.operations = operations
    }
}

/// A slot as the bootloader sees it, for queries and oracles.
package struct SlotState: Sendable, Equatable {
    /// `a` or `b`.
    package var name: String
    /// Nil where nothing bootable lies.
    package var image: BootableImage?
    package var isRunning: Bool
    package var isConfirmed: Bool
    /// How often the image will be tried before the other one is taken.
    package var attemptsLeft: Int
    /// Given up: it was tried and not confirmed, or the application asked to leave it.
    package var isBad: Bool

    package init(name: String, image: BootableImage?, isRunning: Bool, isConfirmed: Bool, attemptsLeft: Int, isBad: Bool) {
        self.name = name
        self.image = image
        self.isRunning = isRunning
        self.isConfirmed = isConfirmed
        self.attemptsLeft = attemptsLeft
        self.isBad = isBad
    }
}

/// One of the two places for an image.
package enum FirmwareSlot: String, Sendable, CaseIterable {
    case a, b
    package var other: FirmwareSlot { self == .a ? .b : .a }
}
