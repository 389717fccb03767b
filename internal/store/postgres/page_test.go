package postgres

import (
	"maps"
	"os"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestSessionLimits: docs/operations.md lists what every session is told, and the
// address goes first.
func TestSessionLimits(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `(\\w+)` \\|").FindAllSubmatch(page, -1) {
		listed[string(row[1])] = string(row[2])
	}
	if !maps.Equal(listed, defaults) {
		t.Errorf("docs/operations.md lists %v, the code sets %v", listed, defaults)
	}
	for name, value := range map[string]string{"statement_timeout": "60000", "lock_timeout": "1000", "tcp_keepalives_idle": "60"} {
		config, err := pgx.ParseConfig("postgres://pullpass@127.0.0.1/pullpass?" + name + "=" + value)
		if err != nil {
			t.Fatal(err)
		}
		set(config)
		if got := config.RuntimeParams[name]; got != value {
			t.Errorf("%s = %q with an address that says %q", name, got, value)
		}
		if got := config.RuntimeParams["idle_in_transaction_session_timeout"]; got != defaults["idle_in_transaction_session_timeout"] {
			t.Errorf("idle_in_transaction_session_timeout = %q beside %s in the address, want the default", got, name)
		}
	}
}
