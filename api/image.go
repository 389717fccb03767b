package api

// ImagesCheck asks which images a project's environments could pull.
type ImagesCheck struct {
	Images []ImageAsk `json:"images" minItems:"1" maxItems:"200" nullable:"false"`
}

// ImageAsk is one image to look for.
type ImageAsk struct {
	Image    string `json:"image" minLength:"1" maxLength:"1023" example:"222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4"`
	Platform string `json:"platform,omitempty" maxLength:"63" doc:"linux/amd64 unless given."`
}

// ImageVerdicts are in the order of what was asked.
type ImageVerdicts struct {
	Images []ImageVerdict `json:"images" nullable:"false"`
}

// ImageVerdict is whether one image could be pulled. It holds no secret.
type ImageVerdict struct {
	Image    string  `json:"image" doc:"In canonical form; as it was asked where it cannot be read."`
	Platform string  `json:"platform"`
	Verdict  Verdict `json:"verdict" enum:"allowed,refused,unknown"`
	Registry string  `json:"registry,omitempty" doc:"The name of the registry that opens it; empty: it is asked for anonymously."`
	Digest   string  `json:"digest,omitempty" doc:"What the reference names: an image, or an index of them."`
	Bytes    int64   `json:"bytes,omitempty" doc:"Of all layers, compressed."`
	Code     string  `json:"code,omitempty"`
	What     string  `json:"what,omitempty"`
	Cause    string  `json:"cause,omitempty"`
	Hint     string  `json:"hint,omitempty"`
}

// Verdict is whether something would work.
type Verdict string

// The verdicts.
const (
	VerdictAllowed Verdict = "allowed"
	VerdictRefused Verdict = "refused"
	VerdictUnknown Verdict = "unknown" // it cannot be told from here
)
