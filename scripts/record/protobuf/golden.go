package main

import (
	"bytes"
	"encoding/json"
	"log"
	"math/rand"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"
)

type goldenFile struct {
	Header header       `json:"header"`
	Bodies []goldenBody `json:"bodies"`
}

// One request body as Go encodes it, and what Go's JSON codec makes of it after decoding.
type goldenBody struct {
	Protobuf []byte          `json:"protobuf"`
	JSON     json.RawMessage `json:"json"`
	// What Go encodes of that JSON, where it is not Protobuf again (JSON cannot tell some empty things from absent ones).
	Again []byte `json:"again,omitempty"`
}

// Two bodies per kind: one of zero values only, one with about half of all fields filled at random.
func goldenOf(scheme *runtime.Scheme) goldenFile {
	file := goldenFile{Header: headerOf()}
	kinds := map[string]schema.GroupVersionKind{}
	for gvk, goType := range scheme.AllKnownTypes() {
		if gvk.Version != runtime.APIVersionInternal && reflect.PointerTo(goType).Implements(protobufType) {
			kinds[gvk.String()] = gvk
		}
	}
	for i, name := range sortedKeys(kinds) {
		gvk := kinds[name]
		if isShared(gvk) {
			continue
		}
		for round := range 2 {
			object, err := scheme.New(gvk)
			if err != nil {
				log.Fatal(err)
			}
			if round > 0 {
				filler(int64(i)).Fill(object)
			}
			object.GetObjectKind().SetGroupVersionKind(gvk)
			if object.GetObjectKind().GroupVersionKind() != gvk {
				continue // WatchEvent carries no kind of its own
			}
			file.Bodies = append(file.Bodies, record(scheme, object))
		}
	}
	return file
}

// WatchEvent, ListOptions and their like are registered in every group: v1 alone shows them.
func isShared(gvk schema.GroupVersionKind) bool {
	switch gvk.Kind {
	case "WatchEvent", "ListOptions", "GetOptions", "DeleteOptions", "CreateOptions", "UpdateOptions", "PatchOptions":
		return gvk.Group != "" || gvk.Version != "v1"
	}
	return false
}

func record(scheme *runtime.Scheme, object runtime.Object) goldenBody {
	serializer := protobuf.NewSerializer(scheme, scheme)
	var encoded bytes.Buffer
	if err := serializer.Encode(object, &encoded); err != nil {
		log.Fatalf("%T: %v", object, err)
	}
	decoded, gvk, err := serializer.Decode(encoded.Bytes(), nil, nil)
	if err != nil {
		log.Fatalf("%T: %v", object, err)
	}
	decoded.GetObjectKind().SetGroupVersionKind(*gvk)
	text, err := json.Marshal(decoded)
	if err != nil {
		log.Fatalf("%T: %v", object, err)
	}
	body := goldenBody{Protobuf: encoded.Bytes(), JSON: text}
	reread, err := scheme.New(*gvk)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, reread); err != nil {
		log.Fatalf("%T: %v", object, err)
	}
	var again bytes.Buffer
	if err := serializer.Encode(reread, &again); err != nil {
		log.Fatalf("%T: %v", object, err)
	}
	if !bytes.Equal(again.Bytes(), encoded.Bytes()) {
		body.Again = again.Bytes()
	}
	return body
}

func filler(seed int64) *randfill.Filler {
	source := rand.New(rand.NewSource(seed))
	words := []string{"", "web", "a.b/c", "ümläut", "x-1"}
	return randfill.New().RandSource(source).NilChance(0.5).NumElements(1, 2).MaxDepth(10).Funcs(
		func(value *string, c randfill.Continue) { *value = words[c.Intn(len(words))] },
		func(value *int32, c randfill.Continue) { *value = c.Int31() - 1<<30 },
		func(value *int64, c randfill.Continue) { *value = c.Int63() - 1<<62 },
		func(value *float64, c randfill.Continue) { *value = float64(c.Intn(1000)) / 8 },
		func(value *[]byte, c randfill.Continue) { *value = []byte(words[c.Intn(len(words))]) },
		func(value *metav1.TypeMeta, c randfill.Continue) {},
		func(value *metav1.Time, c randfill.Continue) {
			if c.Bool() {
				value.Time = time.Unix(c.Int63n(4e9), 0)
			}
		},
		func(value *metav1.MicroTime, c randfill.Continue) {
			if c.Bool() {
				value.Time = time.Unix(c.Int63n(4e9), c.Int63n(1e6)*1000)
			}
		},
		func(value *metav1.Duration, c randfill.Continue) {
			value.Duration = time.Duration(c.Int63n(1e15) - 5e14)
		},
		func(value *metav1.FieldsV1, c randfill.Continue) { *value = *metav1.NewFieldsV1(`{"f:a":{}}`) },
		func(value *resource.Quantity, c randfill.Continue) {
			texts := []string{"0", "100m", "1", "1.5Gi", "2k", "1e3", "-5Mi", "0.000001", "1234567890123456789012345"}
			*value = resource.MustParse(texts[c.Intn(len(texts))])
		},
		func(value *intstr.IntOrString, c randfill.Continue) {
			if c.Bool() {
				*value = intstr.FromInt32(c.Int31n(100))
			} else {
				*value = intstr.FromString("25%")
			}
		},
		func(value *runtime.RawExtension, c randfill.Continue) {
			if c.Bool() {
				value.Raw = []byte(`{"apiVersion":"v1","kind":"ConfigMap","data":{"n":"9007199254740993"},"big":9007199254740993}`)
			}
		},
	)
}
