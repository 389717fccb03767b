package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/atomicfile"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// awsProfiles are the two files in which AWS tools look for profiles. Keys in the
// second go before anything that the first says of a profile.
type awsProfiles struct{ config, credentials string }

func awsFiles() (awsProfiles, error) {
	files := awsProfiles{os.Getenv("AWS_CONFIG_FILE"), os.Getenv("AWS_SHARED_CREDENTIALS_FILE")}
	if files.config != "" && files.credentials != "" {
		return files, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return files, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot find the AWS configuration", Err: err, Hint: "set HOME, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE"}
	}
	if files.config == "" {
		files.config = filepath.Join(home, ".aws", "config")
	}
	if files.credentials == "" {
		files.credentials = filepath.Join(home, ".aws", "credentials")
	}
	return files, nil
}

// ours marks keys that we wrote and may take away again.
const ours = "# written by pullpass idp login"

var keyNames = []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}

func (f awsProfiles) writeKeys(profile string, c awsCredentials) error {
	return editINI(f.credentials, func(file *ini) error {
		file.set(profile, ours+"; ends "+c.expires.UTC().Format(time.RFC3339), [][2]string{
			{keyNames[0], c.id}, {keyNames[1], c.secret.Reveal()}, {keyNames[2], c.session.Reveal()},
		})
		return nil
	})
}

// writeProcess makes the profile refresh itself. Keys that somebody else put into
// the other file would go before it: those are not ours to remove.
func (f awsProfiles) writeProcess(profile, command, region string) error {
	if _, err := os.Stat(f.credentials); err == nil {
		err := editINI(f.credentials, func(file *ini) error {
			switch {
			case !file.has(profile, keyNames[0]):
			case file.marked(profile, ours):
				file.set(profile, "", [][2]string{{keyNames[0], ""}, {keyNames[1], ""}, {keyNames[2], ""}})
			default:
				return &pullpass.Error{Kind: pullpass.Conflict, What: "cannot write the profile " + profile, Cause: f.credentials + " has keys for it, which AWS tools would use instead",
					Hint: "choose another one: --profile pullpass; or remove these keys"}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	section := "profile " + profile
	if profile == "default" {
		section = profile
	}
	return editINI(f.config, func(file *ini) error {
		values := [][2]string{{"credential_process", command}}
		if region != "" && !file.has(section, "region") {
			values = append(values, [2]string{"region", region})
		}
		file.set(section, "", values)
		return nil
	})
}

// ini is a file as lines: what we do not change stays as it is written.
type ini struct{ lines []string }

// section returns the lines of a section, from the one after its header to the
// next header; start is -1 where there is none.
func (f *ini) section(name string) (start, end int) {
	start = -1
	for i, line := range f.lines {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "[") {
			continue
		}
		if start >= 0 {
			return start, i
		}
		if header, _, ok := strings.Cut(line[1:], "]"); ok && strings.Join(strings.Fields(header), " ") == name {
			start = i + 1
		}
	}
	return start, len(f.lines)
}

func key(line string) string {
	name, _, ok := strings.Cut(line, "=")
	if !ok || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") { // nested values are indented
		return ""
	}
	return strings.ToLower(strings.TrimSpace(name))
}

func (f *ini) has(section, name string) bool {
	start, end := f.section(section)
	return start >= 0 && slices.ContainsFunc(f.lines[start:end], func(l string) bool { return key(l) == name })
}

func (f *ini) marked(section, mark string) bool {
	start, end := f.section(section)
	return start >= 0 && slices.ContainsFunc(f.lines[start:end], func(l string) bool { return strings.HasPrefix(l, mark) })
}

// set replaces values of a section, under a comment of ours; an empty value
// removes.
func (f *ini) set(section, comment string, values [][2]string) {
	start, end := f.section(section)
	if start < 0 {
		if len(f.lines) > 0 && f.lines[len(f.lines)-1] != "" {
			f.lines = append(f.lines, "")
		}
		f.lines = append(f.lines, "["+section+"]")
		start, end = len(f.lines), len(f.lines)
	}
	body := slices.DeleteFunc(slices.Clone(f.lines[start:end]), func(l string) bool {
		return strings.HasPrefix(l, ours) || slices.ContainsFunc(values, func(v [2]string) bool { return v[0] == key(l) })
	})
	var fresh []string
	if comment != "" {
		fresh = append(fresh, comment)
	}
	for _, v := range values {
		if v[1] != "" {
			fresh = append(fresh, v[0]+" = "+v[1])
		}
	}
	f.lines = slices.Concat(f.lines[:start], fresh, body, f.lines[end:])
}

// editINI changes a file in one step: readers see the old one or the new one.
func editINI(path string, change func(*ini) error) error {
	failed := func(err error) error {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot write " + path, Err: err}
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a file kept elsewhere stays there
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed(err)
	}
	file := &ini{}
	if len(data) > 0 {
		file.lines = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	}
	if err := change(file); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return failed(err)
	}
	if err := atomicfile.Write(path, []byte(strings.Join(file.lines, "\n")+"\n"), 0o600); err != nil {
		return failed(err)
	}
	return nil
}
