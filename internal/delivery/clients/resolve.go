package clients

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/delivery"
	"github.com/pullpass/pullpass/internal/reference"
)

// hubKey is the name under which docker keeps Docker Hub.
const hubKey = "https://index.docker.io/v1/"

// contents is what a place holds.
type contents struct {
	helpers map[string]string
	store   string
	auths   []delivery.Auth
	fields  []string
}

// Resolve says what the client would use for an image.
func (c Client) Resolve(image reference.Image, w World) Answer {
	a := Answer{Client: c.Name, Versions: c.Versions, Notes: c.Notes, Source: c.Source, Steps: []string{}}
	switch c.style {
	case perHost:
		c.perHost(&a, image, w)
	case perPath:
		c.perPath(&a, image, w)
	case merged:
		c.merged(&a, image, w)
	case keyring:
		c.keyring(&a, image, w)
	}
	return a
}

// read parses a place; false says that the client sees nothing there.
func (a *Answer) read(c candidate) (contents, bool) {
	if !c.there() {
		a.step("%s: not there", c.name)
		return contents{}, false
	}
	if c.err != nil {
		a.step("%s: cannot be read: %v", c.name, c.err)
		return contents{}, false
	}
	text := c.text
	if c.legacy {
		text = []byte(`{"auths":` + string(c.text) + `}`)
	}
	config, err := delivery.ParseConfig(text)
	if err != nil {
		a.Problem = fmt.Sprintf("%s: %v", c.name, err)
		a.step("%s", a.Problem)
		return contents{}, false
	}
	if c.strict {
		for _, field := range config.Fields() {
			if !strings.EqualFold(field, "auths") {
				a.step("%s: ignored with a warning, because it holds %s beside auths", c.name, field)
				return contents{}, false
			}
		}
	}
	held := contents{fields: config.Fields()}
	if held.helpers, err = config.Helpers(); err == nil {
		if held.store, err = config.Store(); err == nil {
			held.auths, err = config.Auths()
		}
	}
	if err != nil {
		a.Problem = fmt.Sprintf("%s: %v", c.name, err)
		a.step("%s", a.Problem)
		return contents{}, false
	}
	return held, true
}

// inExactCase leaves out fields that a client does not know by another case.
func (a *Answer) inExactCase(place candidate, held contents) contents {
	if !slices.Contains(held.fields, "credHelpers") {
		held.helpers = nil
	}
	if !slices.Contains(held.fields, "credsStore") {
		held.store = ""
	}
	if !slices.Contains(held.fields, "auths") {
		held.auths = nil
	}
	for _, field := range held.fields {
		for _, known := range []string{"auths", "credHelpers", "credsStore"} {
			if field != known && strings.EqualFold(field, known) {
				a.step("%s: %s is not read, because this client knows %s only", place.name, field, known)
			}
		}
	}
	return held
}

// dockerKey is the name under which docker looks for a host.
func dockerKey(host string) string {
	if host == "docker.io" || host == "index.docker.io" {
		return hubKey
	}
	return host
}

// perHost is docker's rule.
func (c Client) perHost(a *Answer, image reference.Image, w World) {
	keys := []string{dockerKey(image.Host)}
	if c.fullName {
		keys = []string{image.Host + "/" + image.Repository, dockerKey(image.Host)}
		if image.Host == "docker.io" {
			keys[0] = "index.docker.io/" + image.Repository
		}
	}
	places := w.candidates(c.Places)
	if c.firstFile {
		places = c.onlyFirst(a, places, w)
	}
	for _, key := range keys {
		for _, place := range places {
			held, ok := a.read(place)
			if !ok {
				if a.Problem != "" {
					return
				}
				continue
			}
			if c.exactCase {
				held = a.inExactCase(place, held)
			}
			if c.hasEntry(a, w, place, held, key) {
				return
			}
			a.step("%s: nothing for %s", place.name, key)
		}
	}
}

// onlyFirst keeps the first file that is there, with the variable that is read only
// beside one.
func (c Client) onlyFirst(a *Answer, places []candidate, w World) []candidate {
	for i, place := range places {
		if place.there() {
			return append(w.candidates([]Place{authsInEnv}), places[i])
		}
		a.step("%s: not there", place.name)
	}
	return nil
}

func (c Client) hasEntry(a *Answer, w World, place candidate, held contents, key string) bool {
	if helper, ok := held.helpers[key]; ok && helper != "" {
		a.runs(w, place.name, entry("credHelpers", key), helper)
		return true
	}
	if held.store != "" && !place.env {
		if strings.Contains(key, "/") && key != hubKey {
			a.step("%s: it is asked for %s first, and for the host where it has nothing", place.name, key)
		}
		a.runs(w, place.name, "credsStore", held.store)
		return true
	}
	for _, auth := range held.auths {
		if auth.Key == key {
			a.login(place.name, auth)
			return !auth.Empty || !c.fullName
		}
	}
	if place.env {
		return false
	}
	var same []delivery.Auth
	for _, auth := range held.auths {
		if hostOf(auth.Key) == key {
			same = append(same, auth)
		}
	}
	if len(same) == 0 {
		return false
	}
	if len(same) > 1 {
		a.step("%s: %d logins have this host, and which one is used changes from run to run", place.name, len(same))
	}
	a.login(place.name, same[0])
	return !same[0].Empty || !c.fullName
}

func entry(field, key string) string { return fmt.Sprintf("%s[%q]", field, key) }

// login takes an entry of auths; an empty one is a login without a name.
func (a *Answer) login(place string, auth delivery.Auth) {
	if auth.Empty {
		a.step("%s: %s is empty", place, entry("auths", auth.Key))
		return
	}
	a.found(place, entry("auths", auth.Key))
}

// hostOf is the host of a key that may be written as a URL.
func hostOf(key string) string {
	_, rest, isURL := strings.Cut(key, "://")
	if !isURL {
		rest = key
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// parents are a path and what it lies below: h/a/b, h/a, h.
func parents(path string) []string {
	all := []string{path}
	for {
		cut := strings.LastIndex(path, "/")
		if cut < 0 {
			return all
		}
		path = path[:cut]
		all = append(all, path)
	}
}

// perPath is the rule of podman and its kin.
func (c Client) perPath(a *Answer, image reference.Image, w World) {
	for _, place := range w.candidates(c.Places) {
		held, ok := a.read(place)
		if !ok {
			if a.Problem != "" {
				return
			}
			continue
		}
		if helper, ok := held.helpers[image.Host]; ok && helper != "" {
			a.runs(w, place.name, entry("credHelpers", image.Host), helper)
			return
		}
		if auth, ok := held.byPath(image, place.legacy); ok {
			if a.login(place.name, auth); a.Entry != "" {
				return
			}
			continue
		}
		if held.store != "" {
			a.step("%s: credsStore is not read", place.name)
		}
		a.step("%s: nothing for %s", place.name, image.Host)
	}
}

// byPath finds the login of the longest path, and then one that is written as a URL.
func (held contents) byPath(image reference.Image, legacy bool) (delivery.Auth, bool) {
	keys := parents(image.Host + "/" + image.Repository)
	if legacy {
		keys = []string{image.Host}
	}
	for _, key := range keys {
		for _, auth := range held.auths {
			if auth.Key == key {
				return auth, true
			}
		}
	}
	for _, auth := range held.auths {
		written := auth.Key
		if legacy || strings.Contains(written, "://") {
			written = hostOf(written)
		}
		if hub(written) == hub(image.Host) {
			return auth, true
		}
	}
	return delivery.Auth{}, false
}

func hub(host string) string {
	if host == "docker.io" || host == "registry-1.docker.io" {
		return "index.docker.io"
	}
	return host
}

// option is one entry that the runner knows.
type option struct{ place, entry, helper string }

// merged is GitLab Runner's rule.
func (c Client) merged(a *Answer, image reference.Image, w World) {
	known := map[string]option{}
	for _, place := range w.candidates(c.Places) {
		held, ok := a.read(place)
		if !ok {
			a.Problem = "" // the source is lost, and the next one is used
			continue
		}
		if lost := lostBy(held, w); lost != "" {
			a.step("%s: the whole source is lost, because %s", place.name, lost)
			continue
		}
		here := map[string]option{}
		for _, auth := range held.auths {
			here[runnerPath(auth.Key)] = option{place.name, entry("auths", auth.Key), ""}
		}
		if held.store != "" {
			a.step("%s: every host that docker-credential-%s list shows", place.name, held.store)
			here[strings.ToLower(image.Host)] = option{place.name, "credsStore, if its list shows " + image.Host, held.store}
		}
		for key, helper := range held.helpers {
			here[runnerPath(key)] = option{place.name, entry("credHelpers", key), helper}
		}
		for _, path := range slices.Sorted(maps.Keys(here)) {
			if _, taken := known[path]; !taken {
				known[path] = here[path]
			}
		}
	}
	name := image.Host + "/" + image.Repository
	if image.Digest != "" { // which stays with the last part of the name, so that it matches no key
		name += "@" + strings.SplitN(image.Digest, ":", 2)[0]
	}
	for _, path := range parents(name) {
		if o, ok := known[path]; ok {
			if o.helper != "" {
				a.runs(w, o.place, o.entry, o.helper)
			} else {
				a.found(o.place, o.entry)
			}
			return
		}
	}
	a.step("nothing for %s or what it lies below", name)
}

// lostBy says which helper makes the runner drop a source.
func lostBy(held contents, w World) string {
	helpers := slices.Sorted(maps.Values(held.helpers))
	if held.store != "" {
		helpers = append(helpers, held.store)
	}
	for _, helper := range helpers {
		if _, err := w.LookPath("docker-credential-" + helper); err != nil {
			return "docker-credential-" + helper + " is not on the PATH"
		}
	}
	return ""
}

// runnerPath is how the runner reads a key.
func runnerPath(key string) string {
	if lower := strings.ToLower(key); strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://") {
		host := strings.ToLower(hostOf(key))
		if host == "index.docker.io" {
			return "docker.io"
		}
		return host
	}
	path := strings.TrimSuffix(key, "/")
	if slash := strings.LastIndex(path, "/"); slash >= 0 {
		if colon := strings.LastIndex(path, ":"); colon > slash {
			path = path[:colon]
		}
	}
	host, rest, has := strings.Cut(path, "/")
	if has {
		return strings.ToLower(host) + "/" + rest
	}
	return strings.ToLower(host)
}

// keyring is the kubelet's rule.
func (c Client) keyring(a *Answer, image reference.Image, w World) {
	places := w.candidates(c.Places)
	for _, place := range places {
		held, ok := a.read(place)
		if !ok {
			a.Problem = ""
			continue
		}
		var matching []string
		for _, auth := range held.auths {
			if !auth.Empty && matches(auth.Key, image) {
				matching = append(matching, auth.Key)
			}
		}
		slices.Sort(matching)
		slices.Reverse(matching)
		if len(matching) > 0 {
			a.found(place.name, entry("auths", matching[0]))
			for _, other := range matching[1:] {
				a.step("%s: then %s", place.name, entry("auths", other))
			}
			return
		}
		a.step("%s: nothing for %s", place.name, image.Host)
		return // the first file that is there is the only one
	}
}

// matches applies the kubelet's patterns: * in each part of the host, the port as it
// is, and the path as a prefix.
func matches(key string, image reference.Image) bool {
	_, rest, isURL := strings.Cut(key, "://")
	if !isURL {
		rest = key
	}
	host, path, _ := strings.Cut(rest, "/")
	if image.Host == "docker.io" {
		return host == "index.docker.io" || host == "docker.io" && strings.HasPrefix("docker.io/"+image.Repository, strings.TrimSuffix(rest, "/"))
	}
	if path == "v1/" || path == "v2/" || path == "v1" || path == "v2" {
		path = ""
	}
	return hostMatches(host, image.Host) && strings.HasPrefix(image.Repository, path)
}

func hostMatches(pattern, host string) bool {
	patternName, patternPort, _ := strings.Cut(pattern, ":")
	name, port, _ := strings.Cut(host, ":")
	want, have := strings.Split(patternName, "."), strings.Split(name, ".")
	if patternPort != port || len(want) != len(have) {
		return false
	}
	for i := range want {
		if !glob(want[i], have[i]) {
			return false
		}
	}
	return true
}

// glob matches a part of a host, where * stands for any text.
func glob(pattern, text string) bool {
	head, tail, has := strings.Cut(pattern, "*")
	if !has {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	for i := len(head); i <= len(text); i++ {
		if glob(tail, text[i:]) {
			return true
		}
	}
	return false
}
