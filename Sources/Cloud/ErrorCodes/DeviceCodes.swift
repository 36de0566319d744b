/// 3xxx devices, 4xxx configuration, 5xxx commands.
extension ErrorCode {
    package static let deviceNotFound = ErrorCode(
        3001, "DEVICE_NOT_FOUND", status: 404, "There is no device of this id.", remedy: "List the devices at /api/v1/devices.")
    package static let deviceNotProvisioned = ErrorCode(
        3002, "DEVICE_NOT_PROVISIONED", status: 403, "The device is not known from the factory.",
        remedy: "Provision its serial number at /api/v1/factory/devices, or switch open registration on.")
    package static let deviceIDTaken = ErrorCode(
        3003, "DEVICE_ID_TAKEN", status: 409, "Another device has this id.", remedy: "Register with the device's own serial number.")
    package static let deviceCloned = ErrorCode(
        3004, "DEVICE_CLONED", status: 409, "The identity is in use on other hardware.",
        remedy: "Find out which of the two is genuine and delete the device before it registers again.")
    package static let serialExists = ErrorCode(
        3005, "SERIAL_EXISTS", status: 409, "This serial number is provisioned already.", remedy: "Nothing is to be done.")
    package static let configurationInvalid = ErrorCode(
        4001, "CONFIGURATION_INVALID", status: 422, "The configuration value does not fit its type or its limits.",
        remedy: "Send a value of the type that data.field names.")
    package static let commandNotFound = ErrorCode(
        5001, "COMMAND_NOT_FOUND", status: 404, "The device has no command of this id.", remedy: "Use the id from the answer to the command.")
    package static let commandQueueFull = ErrorCode(
        5002, "COMMAND_QUEUE_FULL", status: 409, "Too many commands wait for this device.",
        remedy: "Wait until the device has answered some of them, or until they expire.")

    static let deviceCodes: [ErrorCode] = [
        deviceNotFound, deviceNotProvisioned, deviceIDTaken, deviceCloned, serialExists, configurationInvalid,
        commandNotFound, commandQueueFull,
    ]
}
