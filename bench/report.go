package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// figure is one measured number beside its peer and its goal.
type figure struct {
	what string
	got  float64
	unit string
	peer string // what a peer, or the floor, gave in the same run
	goal string // as words
	met  bool
}

func (f figure) row() []string {
	verdict := ""
	if f.goal != "" {
		verdict = "missed"
		if f.met {
			verdict = "met"
		}
	}
	return []string{f.what, number(f.got) + " " + f.unit, f.peer, f.goal, verdict}
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

type section struct {
	name    string
	figures []figure
}

type report struct{ sections []section }

func newReport() *report { return &report{} }

func (r *report) add(name string, figures []figure) {
	r.sections = append(r.sections, section{name, figures})
}

func (r *report) missed() bool {
	for _, s := range r.sections {
		for _, f := range s.figures {
			if f.goal != "" && !f.met {
				return true
			}
		}
	}
	return false
}

var header = []string{"what", "measured", "beside", "goal", ""}

func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", machine())
	for _, s := range r.sections {
		fmt.Fprintf(&b, "\n%s\n", s.name)
		for _, f := range s.figures {
			row := f.row()
			fmt.Fprintf(&b, "  %-58s %16s", row[0], row[1])
			for _, cell := range row[2:] {
				if cell != "" {
					fmt.Fprintf(&b, "   %s", cell)
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nWritten by `make bench`; each number stands beside its peer from the same run.\n\n")
	fmt.Fprintf(&b, "%s\n", machine())
	for _, s := range r.sections {
		fmt.Fprintf(&b, "\n## %s\n\n| %s |\n|---|---|---|---|---|\n", s.name, strings.Join(header, " | "))
		for _, f := range s.figures {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(f.row(), " | "))
		}
	}
	return b.String()
}

// machine says where and when: a number without it means nothing.
func machine() string {
	return fmt.Sprintf("%s, %d cores, %s %s, %s, %s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH,
		runtime.Version(), time.Now().UTC().Format("2006-01-02 15:04 MST"))
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
