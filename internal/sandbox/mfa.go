package sandbox

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238, as MFA devices compute it
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// mfaDevice is a virtual MFA device of a user.
type mfaDevice struct {
	serial  string // its ARN
	seed    []byte
	enabled time.Time
}

func (a *account) newMFADevice(d MFADevice, now time.Time) (mfaDevice, error) {
	if err := checkName("virtualMFADeviceName", d.Name, maxPolicyName); err != nil {
		return mfaDevice{}, fmt.Errorf("MFA device %q: %w", d.Name, err)
	}
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).
		DecodeString(strings.TrimRight(strings.ToUpper(d.Seed.Reveal()), "="))
	if err != nil || len(seed) < 10 {
		return mfaDevice{}, fmt.Errorf("MFA device %s: its seed is at least 16 characters of base 32", d.Name)
	}
	return mfaDevice{serial: a.iamARN("mfa", "/", d.Name), seed: seed, enabled: now}, nil
}

// totpStep is how long a code is shown.
const totpStep = 30 * time.Second

// accepts checks a code of RFC 6238, of now or of the step before or after.
func (d mfaDevice) accepts(code string, now time.Time) bool {
	for _, shift := range []time.Duration{-totpStep, 0, totpStep} {
		if subtle.ConstantTimeCompare([]byte(d.code(now.Add(shift))), []byte(code)) == 1 {
			return true
		}
	}
	return false
}

func (d mfaDevice) code(at time.Time) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix())/uint64(totpStep/time.Second)) //nolint:gosec // after 1970
	h := hmac.New(sha1.New, d.seed)
	h.Write(counter[:]) // never fails
	sum := h.Sum(nil)
	offset := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[offset:])&0x7fffffff)%1_000_000)
}

// withMFA checks the device and the code that a call gives, and reports whether it
// gives them. Only a user has devices, and only with a long-term key.
func (c *call) withMFA() (bool, *apiError) {
	serial, code := c.form.Get("SerialNumber"), c.form.Get("TokenCode")
	if serial == "" && code == "" {
		return false, nil
	}
	if u := c.principal.account.users[c.principal.entity.name]; u != nil && !c.principal.isRole &&
		c.principal.session == nil {
		for _, d := range u.mfa {
			if d.serial == serial && d.accepts(code, c.now) {
				return true, nil
			}
		}
	}
	return false, accessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
}

type mfaDeviceShape struct {
	UserName     string
	SerialNumber string
	EnableDate   isoTime
}

func listMFADevices(c *call) (any, *apiError) {
	u, err := c.mayUser()
	if err != nil {
		return nil, err
	}
	devices := members[mfaDeviceShape]{}
	for _, d := range u.mfa {
		devices = append(devices, mfaDeviceShape{u.name, d.serial, isoTime(d.enabled)})
	}
	return struct {
		MFADevices members[mfaDeviceShape]
		truncation
	}{devices, truncation{}}, nil
}
