// Command resident runs a program and prints its resident memory in KiB. It is small,
// because a process begins with the memory of the one that started it.
package main

import (
	"os"
	"strconv"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		os.Exit(1)
	}
	p, err := os.StartProcess(os.Args[1], os.Args[1:], &os.ProcAttr{Files: []*os.File{os.Stdin, null, os.Stderr}})
	if err != nil {
		os.Exit(1)
	}
	state, err := p.Wait()
	if err != nil || !state.Success() {
		os.Exit(1)
	}
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(strconv.FormatInt(usage.Maxrss, 10))
}
