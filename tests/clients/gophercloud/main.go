// Run with NAME FILE: all of an image's life through gophercloud, as owner and as partner.
package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/imageservice/v2/imagedata"
	"github.com/gophercloud/gophercloud/openstack/imageservice/v2/images"
	"github.com/gophercloud/gophercloud/openstack/imageservice/v2/members"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func expect(holds bool, what ...interface{}) {
	if !holds {
		panic(fmt.Sprint(what...))
	}
}

func connect(who string) *gophercloud.ServiceClient {
	endpoint := os.Getenv("IMAGE_ENDPOINT") + "/"
	provider := &gophercloud.ProviderClient{TokenID: os.Getenv(who + "_TOKEN")}
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: endpoint, ResourceBase: endpoint + "v2/"}
}

func find(client *gophercloud.ServiceClient, opts images.ListOpts) []string {
	pages, err := images.List(client, opts).AllPages()
	check(err)
	found, err := images.ExtractImages(pages)
	check(err)
	ids := []string{}
	for _, image := range found {
		ids = append(ids, image.ID)
	}
	return ids
}

func isGone(err error) bool {
	_, gone := err.(gophercloud.ErrDefault404)
	return gone
}

func main() {
	name, path := os.Args[1], os.Args[2]
	data, err := os.ReadFile(path)
	check(err)
	owner, partner := connect("OWNER"), connect("PARTNER")
	project := os.Getenv("PARTNER_PROJECT")
	shared := images.ImageVisibilityShared

	image, err := images.Create(owner, images.CreateOpts{
		Name: name, Visibility: &shared, Tags: []string{"t1", "blue"}, ContainerFormat: "bare", DiskFormat: "raw",
		MinRAM: 64, Properties: map[string]string{"os_distro": "debian"},
	}).Extract()
	check(err)
	check(imagedata.Upload(owner, image.ID, bytes.NewReader(data)).ExtractErr())

	image, err = images.Get(owner, image.ID).Extract()
	check(err)
	md, sha := md5.Sum(data), sha512.Sum512(data)
	expect(image.Status == images.ImageStatusActive, image)
	expect(image.Checksum == hex.EncodeToString(md[:]), image)
	expect(image.SizeBytes == int64(len(data)), image)
	expect(image.Properties["os_hash_value"] == hex.EncodeToString(sha[:]), image)

	opts := images.ListOpts{Name: name, Tags: []string{"t1", "blue"}, Status: images.ImageStatusActive, Sort: "name:asc", Limit: 1}
	expect(fmt.Sprint(find(owner, opts)) == fmt.Sprint([]string{image.ID}), find(owner, opts))
	expect(len(find(owner, images.ListOpts{Name: name, Status: images.ImageStatusQueued})) == 0)
	later := images.ImageDateQuery{Date: image.CreatedAt.Add(time.Minute), Filter: images.FilterGT}
	expect(len(find(owner, images.ListOpts{Name: name, CreatedAtQuery: &later})) == 0)
	later.Filter = images.FilterLT
	expect(len(find(owner, images.ListOpts{Name: name, CreatedAtQuery: &later})) == 1)

	image, err = images.Update(owner, image.ID, images.UpdateOpts{
		images.ReplaceImageName{NewName: name + "-2"},
		images.ReplaceImageTags{NewTags: []string{"t2"}},
		images.UpdateImageProperty{Op: images.AddOp, Name: "hw_disk_bus", Value: "scsi"},
		images.UpdateImageProperty{Op: images.RemoveOp, Name: "os_distro"},
	}).Extract()
	check(err)
	_, has := image.Properties["os_distro"]
	expect(image.Name == name+"-2" && image.Tags[0] == "t2" && image.Properties["hw_disk_bus"] == "scsi" && !has, image)

	_, err = images.Get(partner, image.ID).Extract()
	expect(isGone(err), "a stranger sees the image")
	member, err := members.Create(owner, image.ID, project).Extract()
	check(err)
	expect(member.Status == "pending", member)
	member, err = members.Update(partner, image.ID, project, members.UpdateOpts{Status: "accepted"}).Extract()
	check(err)
	expect(member.Status == "accepted", member)
	pages, err := members.List(owner, image.ID).AllPages()
	check(err)
	all, err := members.ExtractMembers(pages)
	check(err)
	expect(len(all) == 1 && all[0].MemberID == project, all)
	expect(len(find(partner, images.ListOpts{Name: name + "-2"})) == 1)

	body, err := imagedata.Download(partner, image.ID).Extract()
	check(err)
	read, err := io.ReadAll(body)
	check(err)
	expect(bytes.Equal(read, data), "other data came back")
	err = images.Delete(partner, image.ID).ExtractErr()
	_, forbidden := err.(gophercloud.ErrDefault403)
	expect(forbidden, err)

	check(members.Delete(owner, image.ID, project).ExtractErr())
	check(images.Delete(owner, image.ID).ExtractErr())
	_, err = images.Get(owner, image.ID).Extract()
	expect(isGone(err), "a deleted image is there")
	fmt.Println("done")
}
