package postgres

import (
	"net"
	"strings"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h; package syscall does not name it.
const tcpUserTimeout = 0x12

// unacknowledged is how long what was sent may wait for the other machine to
// acknowledge it: without, Linux tries for a quarter of an hour.
const unacknowledged = 8 * time.Second

func dialer() *net.Dialer {
	return &net.Dialer{KeepAliveConfig: keepAlive(), Control: func(network, _ string, c syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unacknowledged.Milliseconds()))
		})
		if err != nil {
			return err
		}
		return failed
	}}
}
