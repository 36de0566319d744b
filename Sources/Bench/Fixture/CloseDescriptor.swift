import Glibc

/// `close` where a type has a method of that name.
func closeDescriptor(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
