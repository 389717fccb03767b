package docker

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// Where clouds tell whoever asks which credentials the machine has: EC2 and most
// others, ECS tasks, EKS pod identities, Alibaba Cloud; then EC2 over IPv6, EKS.
var (
	metadataV4 = []string{"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200"}
	metadataV6 = []string{"fd00:ec2::254", "fd00:ec2::23"}
)

const (
	metadataChain = "PULLPASS-METADATA"
	dialTime      = 300 * time.Millisecond
)

// metadata keeps the machine's metadata service from environments, with rules for the
// bridges of their networks in the machine's firewall. They are in the table raw, before
// any other rule rewrites an address. Docker needs iptables itself.
type metadata struct{ mu sync.Mutex }

// block makes the rules unless they are there.
func (m *metadata) block(ctx context.Context, bridge string) *pullpass.Condition {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.rules(ctx)
	if err == nil {
		// An engine in a virtual machine has its bridges there: our rules see nothing.
		if _, err = net.InterfaceByName(bridge); err == nil {
			return nil
		}
		err = fmt.Errorf("the engine's networks are not on the runner's machine, or in another network namespace: %w", err)
	}
	answers := metadataAnswers(ctx)
	if answers == "" {
		return nil // there is nothing to be kept from anybody
	}
	return &pullpass.Condition{
		Code: runner.CodeMetadataReachable, Severity: pullpass.SeverityWarning, At: time.Now(),
		What:  "the environment may reach the instance metadata at " + answers + ", and with it the machine's own identity",
		Cause: err.Error(),
		Fix:   "run the runner as root on the engine's machine, with iptables installed; or require IMDSv2 with a hop limit of 1: aws ec2 modify-instance-metadata-options --instance-id ID --http-tokens required --http-put-response-hop-limit 1",
	}
}

func (m *metadata) rules(ctx context.Context) error {
	if err := chain(ctx, "iptables", metadataV4); err != nil {
		return err
	}
	// Our networks have no IPv6; the rules are for engines that give it to all.
	_ = chain(ctx, "ip6tables", metadataV6)
	return nil
}

// chain writes the rules of one address family. Names are looked up at 169.254.169.254
// in some clouds: that stays open.
func chain(ctx context.Context, program string, addresses []string) error {
	_ = iptables(ctx, program, "-N", metadataChain) // fails if it is there
	var rules [][]string
	for _, protocol := range []string{"udp", "tcp"} {
		rules = append(rules, []string{metadataChain, "-p", protocol, "--dport", "53", "-j", "RETURN"})
	}
	for _, a := range addresses {
		rules = append(rules, []string{metadataChain, "-d", a, "-j", "DROP"})
	}
	for _, r := range rules {
		if iptables(ctx, program, append([]string{"-C"}, r...)...) == nil {
			continue
		}
		if err := iptables(ctx, program, append([]string{"-A"}, r...)...); err != nil {
			return err
		}
	}
	jump := []string{"-i", bridgePrefix + "+", "-j", metadataChain}
	if iptables(ctx, program, append([]string{"-C", "PREROUTING"}, jump...)...) == nil {
		return nil
	}
	return iptables(ctx, program, append([]string{"-I", "PREROUTING", "1"}, jump...)...)
}

func iptables(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, append([]string{"-w", "5", "-t", "raw"}, args...)...).CombinedOutput() //nolint:gosec // fixed words
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, excerpt(strings.TrimSpace(string(out))))
	}
	return nil
}

// metadataAnswers is an address at which a metadata service answers this machine.
func metadataAnswers(ctx context.Context) string {
	d := net.Dialer{Timeout: dialTime}
	all := slices.Concat(metadataV4, metadataV6)
	answers := make([]bool, len(all))
	var dials sync.WaitGroup
	for i, a := range all {
		dials.Go(func() {
			if conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(a, "80")); err == nil {
				_ = conn.Close()
				answers[i] = true
			}
		})
	}
	dials.Wait()
	if i := slices.Index(answers, true); i >= 0 {
		return all[i]
	}
	return ""
}
