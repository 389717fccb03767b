package nearest

import "testing"

func TestWord(t *testing.T) {
	for word, want := range map[string]string{
		"ListImage": "ListImages", "listimages": "ListImages", "Zebra": "", "BatchGetImages": "BatchGetImage",
	} {
		if got := Word(word, []string{"BatchGetImage", "ListImages", "PutImage"}); got != want {
			t.Errorf("Word(%q) = %q, want %q", word, got, want)
		}
	}
}
