package seal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

const keyARN = "arn:aws:kms:eu-west-1:111111111111:key/00000000-0000-0000-0000-000000000001"

// kmsServer speaks as much of the KMS protocol as wrapping a key needs: what was
// encrypted for a key and a context decrypts for these alone.
func kmsServer(t *testing.T) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	type envelope struct {
		KeyID   string
		Context map[string]string
		Plain   []byte
	}
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		var in struct {
			KeyId             string // as KMS spells it
			Plaintext         []byte
			CiphertextBlob    []byte
			EncryptionContext map[string]string
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/kms/aws4_request") {
			http.Error(w, `{"__type":"ValidationException"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if r.Header.Get("X-Amz-Target") == "TrentService.Encrypt" {
			blob, err := json.Marshal(envelope{in.KeyId, in.EncryptionContext, in.Plaintext})
			if err != nil {
				t.Errorf("encoding: %v", err)
			}
			for i := range blob {
				blob[i] ^= 0x5a
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"CiphertextBlob": blob, "KeyId": in.KeyId})
			return
		}
		for i := range in.CiphertextBlob {
			in.CiphertextBlob[i] ^= 0x5a
		}
		var e envelope
		want, _ := json.Marshal(in.EncryptionContext)
		if err := json.Unmarshal(in.CiphertextBlob, &e); err == nil {
			if have, _ := json.Marshal(e.Context); e.KeyID == in.KeyId && bytes.Equal(have, want) && len(e.Context) > 0 {
				_ = json.NewEncoder(w).Encode(map[string]any{"Plaintext": e.Plain, "KeyId": in.KeyId})
				return
			}
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"InvalidCiphertextException"}`))
	}))
	t.Cleanup(server.Close)
	return server, &calls
}

func openKMS(t *testing.T, arn, endpoint string) *seal.KMS {
	t.Helper()
	cfg := aws.Config{
		Credentials:      aws.CredentialsProviderFunc(credentials),
		RetryMaxAttempts: 1,
	}
	kek, err := seal.OpenKMS(t.Context(), arn, seal.KMSOptions{Endpoint: endpoint, Config: &cfg})
	if err != nil {
		t.Fatalf("OpenKMS: %v", err)
	}
	return kek
}

func TestKMS(t *testing.T) {
	server, calls := kmsServer(t)
	keys := newMemory()
	ring := seal.NewKeyring(openKMS(t, keyARN, server.URL))
	s := ring.Sealer(keys)
	sealed := mustSeal(t, s, "p4ss", place)
	for range 20 {
		mustSeal(t, s, "p4ss", place)
	}
	if calls.Load() != 2 {
		t.Errorf("KMS was called %d times for 21 values, want 2", calls.Load())
	}
	got, err := ring.Sealer(keys).Open(t.Context(), sealed, place)
	if err != nil || got.Reveal() != "p4ss" {
		t.Errorf("Open: %v", err)
	}

	// Moving to another key of the region needs no other option.
	next := strings.TrimSuffix(keyARN, "1") + "2"
	moved := seal.NewKeyring(openKMS(t, next, server.URL)).Sealer(keys)
	if _, err := moved.Open(t.Context(), sealed, place); err != nil {
		t.Errorf("Open with another primary key: %v", err)
	}
	if n, err := moved.Renew(t.Context()); n != 2 || err != nil {
		t.Errorf("Renew = %d, %v, want 2", n, err)
	}

	server.Close()
	_, err = ring.Sealer(keys).Open(t.Context(), sealed, place)
	if !pullpass.IsKind(err, pullpass.Unavailable) || pullpass.HintOf(err) == "" {
		t.Errorf("Open without KMS: %v, want unavailable with a hint", err)
	}
	if _, err := s.Open(t.Context(), sealed, place); err != nil {
		t.Errorf("a server that has the data key in memory: %v", err)
	}
}

func TestBadKMSKey(t *testing.T) {
	for _, arn := range []string{
		"", "key/1", "alias/pullpass", "arn:aws:kms:eu-west-1:111111111111:alias/pullpass", "arn:aws:s3:::bucket",
		"https://kms.evil.example/key/1",
	} {
		_, err := seal.OpenKMS(t.Context(), arn, seal.KMSOptions{Config: &aws.Config{}})
		if !pullpass.IsKind(err, pullpass.Invalid) || pullpass.HintOf(err) == "" {
			t.Errorf("OpenKMS(%q): %v, want invalid with a hint", arn, err)
		}
	}
}

func credentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "example"}, nil
}
