package sandbox_test

import "github.com/pullpass/pullpass/internal/sandbox"

func defaultConfig() sandbox.Config { return sandbox.Default() }

func metadataOf(profile string) sandbox.InstanceMetadata {
	return sandbox.InstanceMetadata{Account: sandbox.OwnerAccount, Region: sandbox.DefaultRegion, InstanceProfile: profile}
}
