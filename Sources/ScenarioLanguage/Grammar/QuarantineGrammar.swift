import LabCore

extension Grammar {
    /// The file that `quarantine` of lab.yaml names: failures that are known, whose they are, and until when they are borne.
    static let quarantine = RecordShape(
        "a quarantine file",
        [
            .required("lab", .version, "Version of the language"),
            .optional("about", .text, "What this list is for"),
            .required("quarantine", .list(.record(RecordShape("an entry", [
                .required("scenario", .text, "Whose failures are borne: a path, a glob or a SELECT expression"),
                .optional("fidelity", .list(.choice(worlds), atLeast: 1), "In these worlds; in all where this is missing"),
                .required("owner", .text, "Who mends it"),
                .required("issue", .text, "Where it is written down"),
                .required("until", .form(.day), "The last day on which it is borne"),
                .required("why", .text, "What is known of it"),
            ]))), "The entries"),
        ])
}

extension TextForm {
    static let day = TextForm(wanted: "a day such as 2026-12-01", pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", mayBeNumber: true) { CalendarDay($0) != nil }
}
