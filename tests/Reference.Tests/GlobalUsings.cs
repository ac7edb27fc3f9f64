global using SocketType = Vsockspec.Wire.SocketType;
