package storetest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/store"
)

// BenchmarkDoor records b.N events through a door on db from 64 callers at once.
func BenchmarkDoor(b *testing.B, db *store.DB) {
	org, err := db.CreateOrganization(b.Context(), pullpass.Organization{Name: "acme"})
	must(b, "CreateOrganization", err)
	door := audit.NewDoor(db, audit.Options{})
	defer func() { must(b, "closing the door", door.Close()) }()
	e := sampleEvent(org.ID, "credential.issue")
	const callers = 64
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := door.Record(b.Context(), e); err != nil {
					b.Errorf("Record: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	report, err := audit.Verify(b.Context(), db, org.ID, audit.Head{})
	if err != nil || !report.Whole() || report.Checked != int64(b.N) {
		b.Errorf("Verify = %+v, %v, want %d whole", report, err, b.N)
	}
}

// BenchmarkScale reports the p99 of the named operations on a store with n
// environments, the median of five rounds.
func BenchmarkScale(b *testing.B, db *store.DB, n int) {
	ctx := b.Context()
	filled, err := Fill(ctx, db, n)
	must(b, "Fill", err)
	must(b, "Settle", filled.Settle(ctx, db))
	random := rand.New(rand.NewPCG(1, 2)) // the same choice each time
	for _, op := range filled.Operations(db) {
		b.Run(op.Name, func(b *testing.B) {
			const rounds, each = 5, 2000
			var p50, p99 []time.Duration
			for round := range rounds + 1 {
				took := make([]time.Duration, each)
				for i := range took {
					at := random.IntN(n)
					start := time.Now()
					must(b, op.Name, op.Run(ctx, at))
					took[i] = time.Since(start)
				}
				slices.Sort(took)
				if round > 0 { // the first warms
					p50, p99 = append(p50, took[each/2]), append(p99, took[each*99/100])
				}
			}
			slices.Sort(p50)
			slices.Sort(p99)
			b.ReportMetric(float64(p50[rounds/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(p99[rounds/2].Microseconds()), "p99-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
}
