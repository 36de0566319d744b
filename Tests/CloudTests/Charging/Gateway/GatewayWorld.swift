import LabCore
import Testing

@testable import Cloud
