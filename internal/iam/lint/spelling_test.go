package lint

import "testing"

func TestSpelling(t *testing.T) {
	for typed, want := range map[string]string{
		"ListImage":               "ListImages",
		"BatchGetImages":          "BatchGetImage",
		"GetAuthorisationToken":   "GetAuthorizationToken",
		"GetDownloadUrlForLayers": "GetDownloadUrlForLayer",
		"DescribeRepository":      "DescribeRepositories",
		"GetImage":                "", // PutImage is near, and the opposite
		"BatchDelImage":           "",
		"DelRepository":           "",
		"PutRepositoryPolicy":     "", // SetRepositoryPolicy
		"DeleteRepositoryPolcy":   "DeleteRepositoryPolicy",
		"":                        "",
	} {
		if got := spelling(typed, ecrActions()); got != want {
			t.Errorf("spelling(%q) = %q, want %q", typed, got, want)
		}
	}
	if got := nearestOperator("StringNotEqual"); got != "StringNotEquals" {
		t.Errorf("nearestOperator = %q", got)
	}
	if got := nearestOperator("NumericLess"); got != "" {
		t.Errorf("nearestOperator = %q, which is a guess", got)
	}
}

// TestSpellingIsItself: no existing name is taken for another one.
func TestSpellingIsItself(t *testing.T) {
	for _, known := range [][]string{ecrActions(), stsActions()} {
		for _, name := range known {
			if got := spelling(name, known); got != name && got != "" {
				t.Errorf("spelling(%q) = %q", name, got)
			}
		}
	}
}
