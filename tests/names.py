"""A name server for tests: servers of a service, at the addresses that the test says."""

import socket
import struct
import threading

from workers import free_port

HEADER_BYTES = 12
A_RECORD, SRV_RECORD = 1, 33
ITS_NAME = b"\xc0\x0c"
"""A pointer to the name that was asked for."""


class Names:
    """Answers on the loopback by UDP until it is closed."""

    def __init__(self, servers_port: int, *addresses: str) -> None:
        self.servers_port = servers_port
        self.addresses = list(addresses)
        self.port = free_port()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        closing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        closing.sendto(b"", ("127.0.0.1", self.port))
        closing.close()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, asker = self._socket.recvfrom(512)
            if not query:
                return
            self._socket.sendto(self._answer(query), asker)

    def _answer(self, query: bytes) -> bytes:
        """Repeat the question, RFC 1035 4.1, and add a record for each server."""
        end = query.index(0, HEADER_BYTES) + 5
        question = query[HEADER_BYTES:end]
        (kind,) = struct.unpack("!H", question[-4:-2])
        records: list[bytes] = []
        if kind == SRV_RECORD:  # RFC 2782: a server's name begins with its address, as CoreDNS's
            records = [self._server(address) for address in self.addresses]
        elif kind == A_RECORD:
            label = question[1 : 1 + question[0]].decode()
            records = [socket.inet_aton(label.replace("-", "."))]
        header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
        start = ITS_NAME + struct.pack("!HHI", kind, 1, 1)  # for 1 s
        answers = (start + struct.pack("!H", len(each)) + each for each in records)
        return header + question + b"".join(answers)

    def _server(self, address: str) -> bytes:
        label = address.replace(".", "-").encode()
        target = bytes([len(label)]) + label + ITS_NAME
        return struct.pack("!HHH", 0, 100, self.servers_port) + target
