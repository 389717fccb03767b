package postgres

import (
	"net"
	"time"
)

// keepAlive finds a machine that has gone while nothing is said.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}
}
