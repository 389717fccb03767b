package config_test

import (
	"testing"
	"time"

	"github.com/pullpass/pullpass/internal/config"
)

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{"off": 0, "400d": 400 * 24 * time.Hour, "36h": 36 * time.Hour} {
		var a config.Age
		if err := a.UnmarshalText([]byte(text)); err != nil || time.Duration(a) != want {
			t.Errorf("%q is %v, %v, want %v", text, time.Duration(a), err, want)
		}
	}
	for _, text := range []string{"", "d", "0d", "-1d", "-3h", "0s", "1y", "99999999999d", "400"} {
		var a config.Age
		if err := a.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v, want an error", text, time.Duration(a))
		}
	}
	s := config.Server{Listen: "127.0.0.1:0", AuditRetention: config.Age(time.Hour)}
	if err := s.Check(); err == nil {
		t.Error("a retention of an hour is taken")
	}
}
