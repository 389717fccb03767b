package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass/internal/webhook"
)

// silent takes a request and says nothing for an hour.
type silent struct{}

func (silent) Do(req *http.Request) (*http.Response, error) {
	select {
	case <-req.Context().Done():
		return nil, req.Context().Err()
	case <-time.After(time.Hour):
		return nil, errors.New("an hour is over")
	}
}

// A receiver that says nothing has fifteen seconds, and less where its caller has.
func TestASilentReceiverIsLeft(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{2 * time.Hour: 15 * time.Second, time.Second: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), given)
			defer cancel()
			began := time.Now()
			err := webhook.Sender{HTTP: silent{}, Now: time.Now}.Send(ctx, webhook.Hook{URL: "https://a.example/", Secret: secret}, webhook.Delivery{})
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != want {
				t.Errorf("left after %v with %v, want after %v", took, err, want)
			}
		})
	}
}
