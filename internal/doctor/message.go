package doctor

import (
	"regexp"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/reference"
)

// Explanation is what a message of another program means.
type Explanation struct {
	Symptom

	// Facts are what the message names: account, region, host, repository, tag,
	// image, principal, action. Cause and Fix have them filled in.
	Facts map[string]string
}

// Explain finds the symptom in what another program printed (docker, containerd, the
// AWS CLI, kubectl, a CI system) and fills what the message names into cause and fix.
func Explain(text string) (Explanation, bool) {
	facts := factsOf(text)
	s, ok := Recognize(text)
	if badRequest.MatchString(text) && facts["tag"] != "" && !reference.ValidTag(facts["tag"]) {
		s, ok = SymptomOf("tag_invalid")
	}
	if !ok {
		return Explanation{Facts: facts}, false
	}
	s.Cause, s.Fix = fill(s.Cause, facts), fill(s.Fix, facts)
	return Explanation{Symptom: s, Facts: facts}, true
}

// WouldTell says what to look for when a message names no cause.
func WouldTell(text string) string {
	switch {
	case backOff.MatchString(text):
		return "the line \"Failed to pull image …\" before it has the reason: kubectl describe pod NAME"
	case wrapped.MatchString(text):
		return "this is the outer message only: give the whole output, with the last line of the chain (after the last colon)"
	}
	return "give the whole output of the program, with the image's name and the status that the registry answered; or let the doctor make the pull: " +
		fill("pullpass doctor IMAGE", factsOf(text))
}

var (
	backOff = saying(`imagepullbackoff|errimagepull|back-off pulling image`)
	wrapped = saying(`cannotpull[a-z]*error|resourceinitializationerror|exit (status|code):? \d+|job failed`)
)

// Recognize finds the symptom in what another program printed.
func Recognize(text string) (Symptom, bool) {
	if lateSecret.MatchString(text) {
		return SymptomOf("pull_secret_late")
	}
	for _, f := range families() {
		if !f.said.MatchString(text) {
			continue
		}
		s, ok := SymptomOf(f.code)
		if f.cause != "" {
			s.Cause, s.Fix = f.cause, f.fix
		}
		return s, ok
	}
	return Symptom{}, false
}

// badRequest is an answer that ECR gives to a tag that it cannot keep, and to a token
// of another region.
var badRequest = saying(`\b400\b`)

// lateSecret is a Pod that was refused for want of any credential. A Pod that cannot
// pull for another reason (no such tag, a timeout) says ImagePullBackOff as well.
var lateSecret = saying(`unable to retrieve some image pull secrets|failedtoretrieveimagepullsecret|` +
	`(?s:imagepullbackoff.*(?:no basic auth credentials|authentication required|pull access denied)|` +
	`(?:no basic auth credentials|authentication required|pull access denied).*imagepullbackoff)`)

var (
	ecrHost   = regexp.MustCompile(`\b([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)\b`)
	imageText = regexp.MustCompile(`\b((?:[a-z0-9-]+\.)+[a-z0-9-]+(?::[0-9]+)?)/((?:[a-z0-9]+(?:[._-]+[a-z0-9]+)*/)*[a-z0-9]+(?:[._-]+[a-z0-9]+)*)(?::([\w.+-]+)|@(sha256:[0-9a-f]+))`)
	pathText  = regexp.MustCompile(`https?://([a-z0-9.:-]+)/v2/([a-z0-9/._-]+?)/(?:manifests|blobs|tags|referrers)/([^\s"?]*)`)
	userText  = regexp.MustCompile(`(?i)user:? (arn:aws[a-z-]*:(?:sts|iam)::[0-9]{12}:[\w+=,.@/-]+)`)
	doText    = regexp.MustCompile(`(?i)not authorized to perform:? ?([a-z0-9-]+:[a-z]+)`)
	onText    = regexp.MustCompile(`on resource: (arn:aws[a-z-]*:[^\s"]+)`)
	ecrARN    = regexp.MustCompile(`arn:aws[a-z-]*:ecr:([a-z0-9-]+):([0-9]{12}):repository/([a-z0-9/._-]+)`)
	withID    = regexp.MustCompile(`(?i)repository with name '([^']+)' .{0,60}registry with id '([0-9]{12})'`)
	inRepo    = regexp.MustCompile(`(?i)in the '([a-z0-9/._-]+)' repository`)
	deniedFor = regexp.MustCompile(`pull access denied for ([a-z0-9][a-z0-9/._:-]*[a-z0-9])`)
	endpoint  = regexp.MustCompile(`https://(?:api\.)?(?:ecr|sts)\.([a-z]{2}[a-z0-9-]*-[0-9])\.`)
	helperRun = regexp.MustCompile(`docker-credential-[a-z0-9._-]*[a-z0-9]`)
)

// factsOf reads what a message names. It is read for display only; nothing is decided by it.
func factsOf(text string) map[string]string {
	facts := map[string]string{}
	set := func(name, value string) {
		if value != "" && facts[name] == "" {
			facts[name] = value
		}
	}
	if m := ecrARN.FindStringSubmatch(text); m != nil {
		set("region", m[1])
		set("account", m[2])
		set("repository", strings.TrimRight(m[3], "."))
	}
	if m := withID.FindStringSubmatch(text); m != nil {
		set("repository", m[1])
		set("account", m[2])
	}
	if m := inRepo.FindStringSubmatch(text); m != nil {
		set("repository", m[1])
	}
	if m := pathText.FindStringSubmatch(text); m != nil {
		set("host", m[1])
		set("repository", m[2])
		if tag := strings.TrimRight(m[3], ":,."); strings.Contains(text, "/manifests/"+tag) && !strings.Contains(tag, ":") {
			set("tag", tag)
		}
	}
	if m := imageText.FindStringSubmatch(text); m != nil {
		set("image", m[0])
		set("host", m[1])
		set("repository", m[2])
		set("tag", m[3])
	}
	if m := deniedFor.FindStringSubmatch(text); m != nil {
		set("image", m[1])
		set("repository", m[1])
	}
	if m := ecrHost.FindStringSubmatch(text); m != nil {
		set("host", m[0])
		set("account", m[1])
		set("region", m[2])
	}
	if m := endpoint.FindStringSubmatch(text); m != nil {
		set("region", m[1])
	}
	if facts["image"] == "" && facts["host"] != "" && facts["repository"] != "" && facts["tag"] != "" {
		set("image", facts["host"]+"/"+facts["repository"]+":"+facts["tag"])
	}
	if m := userText.FindStringSubmatch(text); m != nil {
		principal, _ := awsname.RoleOfSession(strings.TrimRight(m[1], ".")) // policies name the role
		set("principal", principal)
	}
	if m := doText.FindStringSubmatch(text); m != nil {
		set("action", m[1])
	}
	if m := onText.FindStringSubmatch(text); m != nil && strings.Contains(m[1], ":role/") {
		set("role", strings.TrimRight(m[1], ".,"))
	}
	set("helper", helperRun.FindString(text))
	return facts
}

// placeholders are the words of causes and fixes that a fact takes the place of.
var placeholders = map[string]string{
	"ACCOUNT": "account", "REGION": "region", "HOST": "host", "REPOSITORY": "repository", "IMAGE": "image",
	"PRINCIPAL": "principal", "ACTION": "action", "ROLE_ARN": "role", "HELPER": "helper", "TAG": "tag",
}

var placeholder = regexp.MustCompile(`\b[A-Z][A-Z_]+\b`)

// fill puts facts in the place of the words that stand for them. What the message
// does not name stays a word for the reader to fill in.
func fill(text string, facts map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(word string) string {
		if value := facts[placeholders[word]]; value != "" {
			return value
		}
		return word
	})
}
