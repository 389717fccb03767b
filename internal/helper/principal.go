package helper

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// principal is who AWS will take us for, as far as that can be known without asking:
// what the SDK's own rules will choose, by name. It follows the order of
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html.
type principal struct {
	name string
	// fixed: the name cannot come to mean somebody else, as that of a machine can
	// whose role is exchanged.
	fixed bool
}

// endpointVariables choose which AWS is asked.
var endpointVariables = []string{
	"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL_ECR_PUBLIC", "AWS_ENDPOINT_URL_STS",
	"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
}

func principalOf(m Mint) principal {
	first := firstOf(m)
	parts := []string{"aws", first.name}
	for _, name := range endpointVariables {
		parts = append(parts, os.Getenv(name))
	}
	// The rest as it goes to the program: roles, endpoints, region.
	rest, _ := json.Marshal(m) //nolint:errchkjson // strings and slices of them
	return principal{name: hash(append(parts, string(rest))...), fixed: first.fixed || len(m.Roles) > 0}
}

// firstOf is the identity on which the roles stand.
func firstOf(m Mint) principal {
	switch {
	case m.AccessKey != nil || m.WebIdentity != nil:
		return principal{name: "rule", fixed: true} // its text is in the Mint
	case m.Profile != "":
		return profile(m.Profile)
	}
	if key := cmp.Or(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_ACCESS_KEY")); key != "" &&
		cmp.Or(os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SECRET_KEY")) != "" {
		return principal{name: "key " + key, fixed: true}
	}
	if file := os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"); file != "" {
		return principal{name: hash("web identity", os.Getenv("AWS_ROLE_ARN"), file), fixed: true}
	}
	return profile(cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default"))
}

// profile is named after what its sections say: a profile that is changed is another
// identity. One that says nothing of an identity stands for the container or machine.
func profile(name string) principal {
	files := awsFiles()
	s := sectionsOf(files, name)
	if !s.identity {
		where := machine()
		return principal{name: hash("machine", s.text, where), fixed: false}
	}
	if s.machine {
		s.text += machine()
	}
	return principal{name: hash(append([]string{"profile", name, s.text}, files...)...), fixed: !s.machine && !s.process}
}

// machine names the container or the machine that we run on. Its role can change
// while the name stays.
func machine() string {
	if uri := cmp.Or(os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")); uri != "" {
		return hash("container", uri, os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"), os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"), host())
	}
	return hash("instance", host())
}

// host tells machines apart that share a home directory.
func host() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = nil // not Linux: the name has to do
	}
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	return hash(name, string(boot))
}

// awsFiles are the files in which the SDK looks for profiles.
func awsFiles() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	return []string{
		cmp.Or(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config")),
		cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")),
	}
}

// sections are the lines of AWS's files that make a profile what it is.
type sections struct {
	text     string
	identity bool // they say whose it is
	machine  bool // the identity of the machine is among what they build on
	process  bool // a program decides who it is
}

func sectionsOf(files []string, name string) sections {
	all := map[string][]string{}
	for i, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the SDK decides what that means
		}
		readSections(all, text, i == 1)
	}
	var s sections
	s.add(all, "profile "+name, map[string]bool{})
	return s
}

// add takes a section and those that it builds on.
func (s *sections) add(all map[string][]string, name string, seen map[string]bool) {
	if seen[name] {
		return
	}
	seen[name] = true
	s.text += "[" + name + "]\n"
	for _, line := range all[name] {
		s.text += line + "\n"
		key, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "source_profile":
			s.identity = true
			s.add(all, "profile "+value, seen)
		case "sso_session":
			s.identity = true
			s.add(all, "sso-session "+value, seen)
		case "services":
			s.add(all, "services "+value, seen)
		case "credential_process":
			s.identity, s.process = true, true
		case "credential_source":
			s.identity, s.machine = true, true
		case "aws_access_key_id", "role_arn", "web_identity_token_file", "sso_account_id", "sso_role_name", "login_session":
			s.identity = true
		}
	}
}

// readSections reads AWS's form of ini files; a credentials file names profiles
// without the word.
func readSections(all map[string][]string, text []byte, credentials bool) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	current := ""
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			name, _, _ := strings.Cut(line[1:], "]")
			current = strings.Join(strings.Fields(name), " ")
			if credentials || current == "default" {
				current = "profile " + current
			}
		default:
			all[current] = append(all[current], line)
		}
	}
}
