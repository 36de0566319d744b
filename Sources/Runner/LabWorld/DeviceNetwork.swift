import LabCore
import Simulation

/// A device's way to the cloud: its MQTT client and its HTTP requests, over a link that faults can disturb.
///
/// In `sim` both go over a link in memory; in `emu` through libmosquitto and an HTTP client, with a proxy in between.
protocol DeviceNetwork: MessageClient, HTTPRequester, FaultyWay {}
