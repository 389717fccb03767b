package lint

import (
	"strings"

	"github.com/pullpass/pullpass/internal/nearest"
)

// spelling is the known name that a misspelt one certainly means, or "": what
// changes a policy by itself must not guess. GetImage is two letters away from
// PutImage, and means something else. So the words of both names must pair up,
// verbs and negations letter by letter, other words up to a typing error.
func spelling(name string, known []string) string {
	found := ""
	for _, candidate := range known {
		if !sameWords(camelWords(name), camelWords(candidate)) {
			continue
		}
		if found != "" {
			return "" // two would fit
		}
		found = candidate
	}
	return found
}

func sameWords(typed, right []string) bool {
	if len(typed) != len(right) {
		return false
	}
	for i, word := range right {
		if strings.EqualFold(typed[i], word) {
			continue
		}
		if decides(word) || decides(typed[i]) || nearest.Word(typed[i], []string{word}) == "" {
			return false
		}
	}
	return true
}

// decides knows the words that turn the meaning of a name.
func decides(word string) bool {
	switch strings.ToLower(word) {
	case "batch", "get", "put", "set", "list", "describe", "create", "delete", "update", "start", "stop", "check",
		"complete", "initiate", "upload", "download", "tag", "untag", "register", "deregister", "validate", "import",
		"replicate", "assume", "decode", "not", "less", "greater", "than", "all", "any":
		return true
	}
	return false
}

// camelWords splits BatchGetImage into Batch, Get and Image.
func camelWords(name string) []string {
	var words []string
	start := 0
	for i := 1; i < len(name); i++ {
		if upper(name[i]) && !upper(name[i-1]) {
			words, start = append(words, name[start:i]), i
		}
	}
	return append(words, name[start:])
}

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }
