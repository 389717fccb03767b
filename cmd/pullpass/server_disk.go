package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/reserve"
	"github.com/pullpass/pullpass/internal/store"
)

// keepRoom keeps room on the disk of the data directory, before the database is opened:
// that needs some, too.
func (p *parts) keepRoom(c *config.Server, log *slog.Logger) error {
	disk, err := reserve.Open(c.Data, reserve.Options{Size: int64(c.DiskReserve), Logger: log})
	if err != nil {
		return err
	}
	disk.Ensure()
	p.disk = disk
	watching, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		disk.Run(watching)
	}()
	p.closers = append(p.closers, func() {
		stop()
		<-done
		_ = disk.Close()
	})
	return nil
}

func (p *parts) storeOptions(c *config.Server, log *slog.Logger) store.Options {
	o := store.Options{Logger: log, Quotas: c.QuotaLimits()}
	if p.disk != nil {
		o.Disk = p.disk
	}
	return o
}

// diskMetrics are how it stands with the disk when somebody asks.
type diskMetrics struct{ disk *reserve.Disk }

var (
	diskFree = newDiskMetric(prometheus.GaugeOpts{Name: "pullpass_disk_free_bytes", Help: "Bytes that may be written on the disk of the database, the reserve not counted."})
	diskKept = newDiskMetric(prometheus.GaugeOpts{Name: "pullpass_disk_reserve_bytes", Help: "Bytes that the reserve on the disk of the database holds."})
	diskFull = newDiskMetric(prometheus.GaugeOpts{Name: "pullpass_disk_reserved", Help: "1 while only what issuing credentials needs is written, and what deletes."})
)

func newDiskMetric(o prometheus.GaugeOpts) *prometheus.Desc {
	return prometheus.NewDesc(o.Name, o.Help, nil, nil)
}

// Describe names the metrics.
func (m diskMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- diskFree
	to <- diskKept
	to <- diskFull
}

// Collect looks at the disk.
func (m diskMetrics) Collect(to chan<- prometheus.Metric) {
	s := m.disk.State()
	if s.Size == reserve.Off {
		return
	}
	full := 0.0
	if s.Level == reserve.Reserved {
		full = 1
	}
	to <- prometheus.MustNewConstMetric(diskFree, prometheus.GaugeValue, float64(s.Free))
	to <- prometheus.MustNewConstMetric(diskKept, prometheus.GaugeValue, float64(s.Kept))
	to <- prometheus.MustNewConstMetric(diskFull, prometheus.GaugeValue, full)
}
