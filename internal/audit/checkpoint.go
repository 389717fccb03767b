package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
)

// Signer signs the heads of one organization's chain. Its private half lies
// sealed in the store, under a key that is not in the database: whoever can only
// write the database can make a chain that fits, and no head for it.
//
// A signed head is a checkpoint in the form of transparency logs: a signed note
// (https://c2sp.org/signed-note) whose text is a tlog-checkpoint
// (https://c2sp.org/tlog-checkpoint) with the hash of the last record in place of
// a Merkle root. Everybody who has the verifier key can check it.
type Signer struct {
	organization pullpass.OrganizationID
	private      ed25519.PrivateKey
}

// NewSigner makes the signer of an organization from its seed, 32 secret bytes.
func NewSigner(org pullpass.OrganizationID, seed []byte) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("the seed of an audit key has 32 bytes")
	}
	return &Signer{org, ed25519.NewKeyFromSeed(seed)}, nil
}

// Purpose separates what is signed: the end of a chain is no place to cut it.
type Purpose string

// The purposes.
const (
	PurposeHead Purpose = ""     // the end of the chain
	PurposeCut  Purpose = "/cut" // records up to here were pruned
)

// origin names the log, as the first line of a checkpoint and as the key's name.
func origin(org pullpass.OrganizationID) string { return "pullpass/audit/" + string(org) }

func checkpointText(org pullpass.OrganizationID, h Head, p Purpose) string {
	root, err := hex.DecodeString(strings.TrimPrefix(h.Hash, hashVersion+":"))
	if err != nil {
		root = []byte(h.Hash) // no hash of ours: what is signed is what is there
	}
	return fmt.Sprintf("%s%s\n%d\n%s\n", origin(org), p, h.Sequence, base64.StdEncoding.EncodeToString(root))
}

// Sign returns the signature of h for a purpose, in base64.
func (s *Signer) Sign(h Head, p Purpose) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(s.private, []byte(checkpointText(s.organization, h, p))))
}

// Key returns the verifier key: name, id and public key, as tools for signed
// notes take it.
func (s *Signer) Key() string { return verifierKey(origin(s.organization), s.public()) }

func (s *Signer) public() ed25519.PublicKey { return ed25519.PublicKey(s.private[ed25519.SeedSize:]) }

// Verifies reports whether signature is this signer's for h.
func (s *Signer) Verifies(h Head, p Purpose, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && ed25519.Verify(s.public(), []byte(checkpointText(s.organization, h, p)), raw)
}

// Checkpoint returns h as a signed note.
func (s *Signer) Checkpoint(h Head) string {
	text := checkpointText(s.organization, h, PurposeHead)
	name := origin(s.organization)
	raw := binary.BigEndian.AppendUint32(nil, keyID(name, s.public()))
	raw = append(raw, ed25519.Sign(s.private, []byte(text))...)
	return text + "\n— " + name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
}

// algorithmEd25519 is the type of a key in signed notes.
const algorithmEd25519 = 1

func keyID(name string, public ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n\x01"), public...))
	return binary.BigEndian.Uint32(sum[:])
}

func verifierKey(name string, public ed25519.PublicKey) string {
	return fmt.Sprintf(
		"%s+%08x+%s",
		name,
		keyID(name, public),
		base64.StdEncoding.EncodeToString(append([]byte{algorithmEd25519}, public...)),
	)
}

// Checkpoint is a verified statement about a chain: so many records, the last of
// which has this hash.
type Checkpoint struct {
	Organization pullpass.OrganizationID
	Head         Head
}

var errCheckpoint = errors.New("it is not a checkpoint of an audit log")

// OpenCheckpoint checks a signed note with the verifier key and reads it.
func OpenCheckpoint(signed, key string) (Checkpoint, error) {
	text, name, err := openNote(signed, key)
	if err != nil {
		return Checkpoint{}, err
	}
	lines := strings.Split(text, "\n")
	const fewest = 4 // origin, size, root, and the empty one behind the last line break
	if len(lines) < fewest || lines[0] != name {
		return Checkpoint{}, errCheckpoint
	}
	org, ok := strings.CutPrefix(name, origin(""))
	size, sizeErr := strconv.ParseInt(lines[1], 10, 64)
	root, rootErr := base64.StdEncoding.DecodeString(lines[2])
	if !ok || sizeErr != nil || size < 0 || rootErr != nil || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, errCheckpoint
	}
	c := Checkpoint{Organization: pullpass.OrganizationID(org), Head: Head{Sequence: size}}
	if len(root) > 0 {
		c.Head.Hash = hashVersion + ":" + hex.EncodeToString(root)
	}
	return c, nil
}

// openNote returns the text of a signed note and the key's name. Signatures of
// other keys are ignored, as the form asks.
func openNote(signed, key string) (text, name string, err error) {
	name, rest, _ := strings.Cut(key, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	public, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(public) != 1+ed25519.PublicKeySize || public[0] != algorithmEd25519 ||
		fmt.Sprintf("%08x", keyID(name, public[1:])) != id {
		return "", "", errors.New("it is not a verifier key: NAME+ID+KEY, as pullpass audit checkpoint --key prints it")
	}
	const separator = "\n\n"
	i := strings.LastIndex(signed, separator)
	if i < 0 {
		return "", "", errCheckpoint
	}
	text = signed[:i+1]
	for line := range strings.SplitSeq(strings.TrimSuffix(signed[i+len(separator):], "\n"), "\n") {
		encoded, ok := strings.CutPrefix(line, "— "+name+" ")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		const idSize = 4
		if !ok || err != nil || len(raw) != idSize+ed25519.SignatureSize || fmt.Sprintf("%08x", raw[:idSize]) != id {
			continue
		}
		if ed25519.Verify(public[1:], []byte(text), raw[idSize:]) {
			return text, name, nil
		}
		return "", "", errors.New("its signature does not verify: it was changed, or the key is another one")
	}
	return "", "", errors.New("it carries no signature of this key")
}
