package seal_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"
	"pgregory.net/rapid"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// memory keeps wrapped data keys as a store does.
type memory struct {
	mu   sync.Mutex
	keys map[int64]seal.DataKey
	// taken makes AddDataKey lose the race for a number once: another server
	// adds this key first.
	taken *seal.DataKey
}

func newMemory() *memory { return &memory{keys: map[int64]seal.DataKey{}} }

func (m *memory) NewestDataKey(context.Context) (seal.DataKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.keys) == 0 {
		return seal.DataKey{}, &pullpass.Error{Kind: pullpass.NotFound}
	}
	return m.keys[int64(len(m.keys))], nil
}

func (m *memory) DataKey(_ context.Context, number int64) (seal.DataKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, ok := m.keys[number]
	if !ok {
		return seal.DataKey{}, &pullpass.Error{Kind: pullpass.NotFound}
	}
	return key, nil
}

func (m *memory) AddDataKey(_ context.Context, key seal.DataKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken != nil {
		m.keys[m.taken.Number] = *m.taken
		m.taken = nil
	}
	if _, ok := m.keys[key.Number]; ok {
		return &pullpass.Error{Kind: pullpass.Conflict}
	}
	m.keys[key.Number] = key
	return nil
}

func keyFile(t *testing.T) *seal.KeyFile {
	t.Helper()
	file, err := seal.OpenKeyFile(filepath.Join(t.TempDir(), "dir", "key"))
	if err != nil {
		t.Fatalf("OpenKeyFile: %v", err)
	}
	return file
}

var place = seal.AssociatedData{Organization: "org_1", Table: "registry", Row: "reg_1", Field: "secret", Version: 3}

func mustSeal(t *testing.T, s *seal.Sealer, plain string, ad seal.AssociatedData) []byte {
	t.Helper()
	sealed, err := s.Seal(t.Context(), pullpass.NewSecret(plain), ad)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return sealed
}

func TestSealAndOpen(t *testing.T) {
	keys := newMemory()
	ring := seal.NewKeyring(keyFile(t))
	s := ring.Sealer(keys)
	for _, plain := range []string{"p4ss", strings.Repeat("long ", 4000), "\x00\xff"} {
		sealed := mustSeal(t, s, plain, place)
		if bytes.Contains(sealed, []byte(plain)) {
			t.Errorf("the sealed value of %.10q holds it in the clear", plain)
		}
		if n, err := seal.KeyNumber(sealed); n != 1 || err != nil {
			t.Errorf("KeyNumber = %d, %v, want 1", n, err)
		}
		// Another server, which has nothing in memory.
		got, err := ring.Sealer(keys).Open(t.Context(), sealed, place)
		if err != nil || got.Reveal() != plain {
			t.Errorf("Open(Seal(%.10q)): %v, or another value", plain, err)
		}
	}
	if a, b := mustSeal(t, s, "x", place), mustSeal(t, s, "x", place); bytes.Equal(a, b) {
		t.Error("two sealed values of one plain text are equal")
	}
	for _, key := range keys.keys {
		if key.KEK != ring.PrimaryID() || bytes.Contains(key.Wrapped, []byte("p4ss")) {
			t.Errorf("data key %+v, want one wrapped by %s", key, ring.PrimaryID())
		}
	}
}

func TestOpenElsewhere(t *testing.T) {
	s := seal.NewKeyring(keyFile(t)).Sealer(newMemory())
	sealed := mustSeal(t, s, "p4ss", place)
	change := func(f func(*seal.AssociatedData)) seal.AssociatedData {
		ad := place
		f(&ad)
		return ad
	}
	for name, ad := range map[string]seal.AssociatedData{
		"another organization": change(func(ad *seal.AssociatedData) { ad.Organization = "org_2" }),
		"another table":        change(func(ad *seal.AssociatedData) { ad.Table = "integration" }),
		"another row":          change(func(ad *seal.AssociatedData) { ad.Row = "reg_2" }),
		"another field":        change(func(ad *seal.AssociatedData) { ad.Field = "username" }),
		"another version":      change(func(ad *seal.AssociatedData) { ad.Version = 4 }),
		"a shifted boundary":   change(func(ad *seal.AssociatedData) { ad.Table, ad.Row = "registryr", "eg_1" }),
		"no place at all":      {},
	} {
		got, err := s.Open(t.Context(), sealed, ad)
		if err == nil || !got.Empty() {
			t.Errorf("Open at %s succeeded", name)
		}
	}
}

// TestPlacesApart seals at one drawn place and opens at another.
func TestPlacesApart(t *testing.T) {
	s := seal.NewKeyring(keyFile(t)).Sealer(newMemory())
	part := rapid.StringMatching(`[ab\x00]{0,3}`)
	draw := func(r *rapid.T, name string) seal.AssociatedData {
		return seal.AssociatedData{
			Organization: pullpass.OrganizationID(part.Draw(r, name+" organization")), Table: part.Draw(r, name+" table"),
			Row: part.Draw(r, name+" row"), Field: part.Draw(r, name+" field"), Version: rapid.Int64Range(0, 3).Draw(r, name+" version"),
			Bound: rapid.SliceOfN(part, 1, 3).Draw(r, name+" bound"),
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		here, there := draw(r, "here"), draw(r, "there")
		sealed, err := s.Seal(t.Context(), pullpass.NewSecret("p4ss"), here)
		if err != nil {
			r.Fatalf("Seal: %v", err)
		}
		if _, err := s.Open(t.Context(), sealed, there); (err == nil) != reflect.DeepEqual(here, there) {
			r.Fatalf("sealed at %+v, Open at %+v: %v", here, there, err)
		}
	})
}

// TestBoundToWhatTheRowSays changes what a value is bound to, and passes it off as
// one of before there was anything to bind it to. A value of then still opens.
func TestBoundToWhatTheRowSays(t *testing.T) {
	s := seal.NewKeyring(keyFile(t)).Sealer(newMemory())
	before := mustSeal(t, s, "p4ss", place)
	bound := place
	bound.Bound = []string{"hub.example.com", "ada"}
	sealed := mustSeal(t, s, "p4ss", bound)
	if !seal.Bound(sealed) || seal.Bound(before) {
		t.Error("Bound does not tell the two apart")
	}
	for name, value := range map[string][]byte{"bound": sealed, "of before": before} {
		if got, err := s.Open(t.Context(), value, bound); err != nil || got.Reveal() != "p4ss" {
			t.Errorf("Open of a value %s: %v", name, err)
		}
	}
	for name, other := range map[string][]string{
		"another host": {"evil.example.com", "ada"}, "another user": {"hub.example.com", "eve"}, "nothing": nil,
		"less": {"hub.example.com"}, "more": {"hub.example.com", "ada", ""}, "shifted": {"hub.example.coma", "da"},
	} {
		moved := place
		moved.Bound = other
		if got, err := s.Open(t.Context(), sealed, moved); err == nil || !got.Empty() {
			t.Errorf("a value moved to %s opened", name)
		}
	}
	for name, value := range map[string][]byte{
		"a bound value called one of before": append([]byte{before[0]}, sealed[1:]...),
		"a value of before called bound":     append([]byte{sealed[0]}, before[1:]...),
	} {
		if got, err := s.Open(t.Context(), value, bound); err == nil || !got.Empty() {
			t.Errorf("%s opened", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	file, err := seal.OpenKeyFile(filepath.Join(f.TempDir(), "key"))
	if err != nil {
		f.Fatal(err)
	}
	s := seal.NewKeyring(file).Sealer(newMemory())
	good, err := s.Seal(f.Context(), pullpass.NewSecret("p4ss"), place)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Add(good[:9])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		got, err := s.Open(t.Context(), sealed, place)
		if (err == nil) != bytes.Equal(sealed, good) {
			t.Errorf("Open(%x) = %v", sealed, err)
		}
		if err != nil && (!got.Empty() || strings.Contains(err.Error(), fmt.Sprintf("%x", sealed)) && len(sealed) > 4) {
			t.Errorf("Open failed and gave or repeated something: %v", err)
		}
	})
}

func TestDataKeysAreBoundToTheirNumber(t *testing.T) {
	keys := newMemory()
	ring := seal.NewKeyring(keyFile(t))
	s := ring.Sealer(keys)
	first := mustSeal(t, s, "p4ss", place)
	if _, err := s.NewDataKey(t.Context()); err != nil {
		t.Fatalf("NewDataKey: %v", err)
	}
	one, two := keys.keys[1], keys.keys[2]
	keys.keys[1] = seal.DataKey{Number: 1, KEK: two.KEK, Wrapped: two.Wrapped}
	_, err := ring.Sealer(keys).Open(t.Context(), first, place)
	if !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("Open with the data keys swapped: %v, want unavailable", err)
	}
	keys.keys[1] = one
	if _, err := ring.Sealer(keys).Open(t.Context(), first, place); err != nil {
		t.Errorf("Open with the data keys in place: %v", err)
	}
}

func TestFirstDataKeyRace(t *testing.T) {
	ring := seal.NewKeyring(keyFile(t))
	other := newMemory()
	sealedByOther := mustSeal(t, ring.Sealer(other), "theirs", place)
	theirs := other.keys[1]
	keys := newMemory()
	keys.taken = &theirs
	s := ring.Sealer(keys)
	mine := mustSeal(t, s, "mine", place)
	for _, sealed := range [][]byte{mine, sealedByOther} {
		if _, err := s.Open(t.Context(), sealed, place); err != nil {
			t.Errorf("after losing the race for the first data key: %v", err)
		}
	}
	if len(keys.keys) != 1 {
		t.Errorf("%d data keys, want the other server's alone", len(keys.keys))
	}
}

// counting counts how often the key-encryption key is used.
type counting struct {
	seal.KEK
	mu    sync.Mutex
	calls int
}

func (c *counting) AEAD(id string) (tink.AEADWithContext, error) {
	c.mu.Lock()
	c.calls++
	c.mu.Unlock()
	return c.KEK.AEAD(id)
}

func TestKEKIsAskedOncePerDataKey(t *testing.T) {
	kek := &counting{KEK: keyFile(t)}
	s := seal.NewKeyring(kek).Sealer(newMemory())
	for i := range 50 {
		ad := place
		ad.Version = int64(i)
		sealed := mustSeal(t, s, "p4ss", ad)
		if _, err := s.Open(t.Context(), sealed, ad); err != nil {
			t.Fatalf("Open: %v", err)
		}
	}
	if kek.calls != 2 { // one to wrap, one to unwrap
		t.Errorf("the key-encryption key was used %d times for 50 values, want 2", kek.calls)
	}
}

func TestMoveToAnotherKEK(t *testing.T) {
	keys := newMemory()
	old, fresh := keyFile(t), keyFile(t)
	sealed := mustSeal(t, seal.NewKeyring(old).Sealer(keys), "p4ss", place)
	s := seal.NewKeyring(fresh, old).Sealer(keys)
	if _, err := s.Open(t.Context(), sealed, place); err != nil {
		t.Errorf("Open with the old key second: %v", err)
	}
	for range 2 { // the second time there is nothing to do
		if n, err := s.Renew(t.Context()); n != 2 || err != nil {
			t.Errorf("Renew = %d, %v, want 2", n, err)
		}
	}
	if n, _ := seal.KeyNumber(mustSeal(t, s, "p4ss", place)); n != 2 {
		t.Errorf("a value sealed after Renew has key %d, want 2", n)
	}
	alone := seal.NewKeyring(fresh).Sealer(keys)
	_, err := alone.Open(t.Context(), sealed, place)
	if !pullpass.IsKind(err, pullpass.Unavailable) || pullpass.HintOf(err) == "" || !strings.Contains(err.Error(), old.ID()) {
		t.Errorf("Open without the old key: %v; want unavailable, naming %s, with a hint", err, old.ID())
	}
}
