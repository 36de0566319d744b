import Glibc
import LabCore

/// The check that a device's power can be switched, and that it is this device that is switched. It disturbs, so it is made only when it is asked for.
extension Doctor {
    /// - Returns: `nil` for a device without a power switch.
    package func examinePower(_ patient: Patient) -> HealthFinding? {
        guard let power = patient.hardware.power else { return nil }
        let control = PowerControl(power, of: patient.name, in: surroundings.power)
        let wasAlive = isAlive(patient)
        do throws(StreamFailure) {
            try control.set(false)
            let isGone = Waiting.until(surroundings.limits.vanishing) { !isThere(patient) }
            let isStillAlive = !isGone && wasAlive && isAlive(patient)
            Waiting.block(power.pause)
            try control.set(true)
            if isStillAlive {
                return HealthFinding(
                    patient.name, .power, .sick, "\(control.name) says off, and the device still answers: it hangs on something else, or the switch does not switch",
                    remedy: "look which channel or port feeds it, and correct `power` of \(patient.name) in lab.yaml")
            }
            let begin = ContinuousClock.now
            let isBack = Waiting.until(surroundings.limits.returning, every: .milliseconds(250)) { surroundings.isStopped() || isAlive(patient) }
            guard isBack || !wasAlive else {
                return HealthFinding(
                    patient.name, .power, .sick, "it was switched off and on by \(control.name), and did not come back in \(PortConversation.text(surroundings.limits.returning))",
                    remedy: "look at it: some devices want their power key")
            }
            let took = PortConversation.text(.nanoseconds(begin.duration(to: .now).nanoseconds / 1_000_000 * 1_000_000))
            let told = isGone ? "its port vanished" : wasAlive ? "it fell silent" : "whether it followed cannot be told"
            return HealthFinding(patient.name, .power, .ok, "\(control.name) switches it: \(told)" + (isBack ? ", and it was back after \(took)" : ""))
        } catch { return HealthFinding(patient.name, .power, error) }
    }

    /// Its port is there.
    private func isThere(_ patient: Patient) -> Bool {
        for source in patient.hardware.ports.map(\.source) {
            do throws(StreamFailure) {
                guard let path = try surroundings.path(source) else { return true }
                if unsafe access(path, F_OK) == 0 { return true }
            } catch { continue }
        }
        return false
    }

    /// It answers at once; boards that only speak every minute are taken for silent.
    private func isAlive(_ patient: Patient) -> Bool {
        var quick = surroundings
        quick.limits.firstAnswers = 2
        quick.limits.heartbeat = .seconds(3)
        quick.limits.opening = .milliseconds(500)
        return Doctor(in: quick).examine(patient).findings.contains { $0.check == .answers && $0.verdict == .ok }
    }
}
