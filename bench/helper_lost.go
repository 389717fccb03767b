package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// patience is how long a helper that hangs is waited for.
const patience = 8 * time.Second

// lost is what a helper does where there is nobody who could answer.
func (b *helperBench) lost() ([]figure, error) {
	l, err := (&net.ListenConfig{}).Listen(b.ctx, "tcp", "127.0.0.1:0") // accepts, by the kernel, and says nothing
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	silent := "http://" + l.Addr().String()
	nobody := []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_EC2_METADATA_DISABLED="}
	var all []figure
	for _, test := range []struct {
		what string
		env  []string
		most time.Duration
	}{
		{"no credentials, metadata refused", append(nobody[:3:3], "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1"), 1500 * time.Millisecond},
		{"no credentials, metadata silent", append(nobody[:3:3], "AWS_EC2_METADATA_SERVICE_ENDPOINT="+silent), 1500 * time.Millisecond},
		{"ECR silent", []string{"AWS_ENDPOINT_URL=" + silent}, 5200 * time.Millisecond},
	} {
		if err := b.forget(); err != nil {
			return nil, err
		}
		ours, err := b.patient(call{p: b.ours.with(test.env...), args: "get"})
		if err != nil {
			return nil, err
		}
		theirs, err := b.patient(call{p: b.peer.with(test.env...), args: "get"})
		if err != nil {
			return nil, err
		}
		all = append(all, figure{what: test.what, got: ours.Seconds(), unit: "s", peer: "peer: " + seconds(theirs),
			goal: fmt.Sprintf("≤ %.1f s", test.most.Seconds()), met: ours <= test.most})
	}
	return all, nil
}

// patient measures a call that fails, or hangs.
func (b *helperBench) patient(c call) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	took, err := b.run(ctx, c)
	if err == nil {
		return 0, fmt.Errorf("%s answered where nobody could", filepath.Base(c.p.path))
	}
	return took, nil
}

func seconds(d time.Duration) string {
	if d >= patience {
		return fmt.Sprintf("more than %.0f s", patience.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func (b *helperBench) forget() error {
	for _, dir := range []string{b.ours.in(".cache"), b.peer.in(".ecr")} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// together runs n calls at once.
func (b *helperBench) together(n int, c func(int) call) error {
	failed := make(chan error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := b.run(b.ctx, c(i)); err != nil {
				failed <- err
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// parallel is one registry, asked for by many at once.
func (b *helperBench) parallel() ([]figure, error) {
	const n = 50
	var calls [2]int64
	for i, p := range []program{b.ours.with("PULLPASS_HELPER_TIMEOUT=1m"), b.peer} {
		if err := b.forget(); err != nil {
			return nil, err
		}
		before := b.aws.upstream()
		if err := b.together(n, func(int) call { return call{p: p, args: "get"} }); err != nil {
			return nil, err
		}
		calls[i] = b.aws.upstream() - before
	}
	return []figure{{what: "calls of ECR for 50 parallel cold gets", got: float64(calls[0]), peer: fmt.Sprintf("peer: %d", calls[1]), goal: "1", met: calls[0] == 1}}, nil
}

// many is a registry for each who asks at once, and what is asked again afterwards.
func (b *helperBench) many() ([]figure, error) {
	const n = 50
	var kept [2]int64
	for i, p := range []program{b.ours.with("PULLPASS_HELPER_TIMEOUT=1m"), b.peer} {
		if err := b.forget(); err != nil {
			return nil, err
		}
		each := func(n int) call {
			return call{p: p, args: "get", in: fmt.Sprintf("4%011d.dkr.ecr.eu-west-1.amazonaws.com", n)}
		}
		if err := b.together(n, each); err != nil {
			return nil, err
		}
		before := b.aws.upstream()
		for one := range n {
			if _, err := b.run(b.ctx, each(one)); err != nil {
				return nil, err
			}
		}
		kept[i] = n - (b.aws.upstream() - before)
	}
	return []figure{{what: "entries of 50 registries that survive 50 parallel gets", got: float64(kept[0]), peer: fmt.Sprintf("peer: %d", kept[1]), goal: "50", met: kept[0] == n}}, nil
}
