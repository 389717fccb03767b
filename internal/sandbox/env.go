package sandbox

import (
	"fmt"
	"net"

	"github.com/pullpass/pullpass"
)

// Env returns the same as a Sandbox's Env, for one that runs with this
// configuration in another process. Its ports must be fixed.
func (c Config) Env() []string {
	for _, a := range c.Accounts {
		for _, u := range a.Users {
			for _, k := range u.AccessKeys {
				return c.envOf(k)
			}
		}
	}
	return c.address()
}

// EnvOf is Env for a certain user. An empty account is any.
func (c Config) EnvOf(account, user string) ([]string, error) {
	for _, a := range c.Accounts {
		for _, u := range a.Users {
			if (account == "" || account == a.ID) && user == u.Name && len(u.AccessKeys) > 0 {
				return c.envOf(u.AccessKeys[0]), nil
			}
		}
	}
	return nil, &pullpass.Error{
		Kind: pullpass.NotFound, What: "cannot act as " + user,
		Cause: fmt.Sprintf("the configuration has no user %s with an access key in account %s", user, orAny(account)),
	}
}

func (c Config) envOf(k AccessKey) []string {
	return append(c.address(), "AWS_ACCESS_KEY_ID="+k.ID, "AWS_SECRET_ACCESS_KEY="+k.Secret.Reveal())
}

func (c Config) address() []string {
	env := []string{"AWS_ENDPOINT_URL=http://" + c.Listen}
	if len(c.Regions) > 0 {
		env = append(env, "AWS_REGION="+c.Regions[0], "AWS_DEFAULT_REGION="+c.Regions[0])
	}
	return env
}

// RegistryEnv returns NAME=value settings with the addresses of the registries that
// have fixed ports in the default region: SANDBOX_REGISTRY_222222222222.
func (c Config) RegistryEnv() []string {
	var env []string
	for _, r := range c.Registries {
		_, port, err := net.SplitHostPort(r.Listen)
		if err == nil && port != "0" && len(c.Regions) > 0 && r.Region == c.Regions[0] {
			env = append(env, "SANDBOX_REGISTRY_"+r.Account+"="+r.Listen)
		}
	}
	return env
}

func orAny(account string) string {
	if account == "" {
		return "(any)"
	}
	return account
}
