// Records how Go encodes every Kubernetes kind in protobuf and in JSON: the field table that src/kube/protobuf.ts
// decodes with, and golden bodies to test it against.
//
//	go run . -fields ../../../src/kube/data/protobuf-fields.json.gz -golden golden.json.gz -formats formats.json
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"sort"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistrationv1beta1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1beta1"
)

// What made the file, so that it can be made again.
type header struct {
	Command string            `json:"command"`
	Modules map[string]string `json:"modules"`
}

func main() {
	fields := flag.String("fields", "", "where to write the field table (.json.gz)")
	golden := flag.String("golden", "", "where to write the golden bodies (.json.gz)")
	formats := flag.String("formats", "", "where to write what Go makes of quantities, selectors, YAML and JSON (.json)")
	flag.Parse()
	scheme := everyKind()
	if *fields != "" {
		write(*fields, tableOf(scheme))
	}
	if *golden != "" {
		write(*golden, goldenOf(scheme))
	}
	if *formats != "" {
		write(*formats, formatsOf())
	}
}

// The kinds of client-go, of CustomResourceDefinition and APIService, and those of meta.k8s.io.
func everyKind() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientscheme.AddToScheme,
		apiextensionsv1.AddToScheme,
		apiextensionsv1beta1.AddToScheme,
		apiregistrationv1.AddToScheme,
		apiregistrationv1beta1.AddToScheme,
		metav1.AddMetaToScheme,
	} {
		if err := add(scheme); err != nil {
			log.Fatal(err)
		}
	}
	return scheme
}

func headerOf() header {
	modules := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		log.Fatal("the program does not know its own modules")
	}
	for _, module := range info.Deps {
		switch name := strings.TrimPrefix(module.Path, "k8s.io/"); name {
		case "api", "apimachinery", "client-go", "apiextensions-apiserver", "kube-aggregator":
			modules[module.Path] = module.Version
		}
	}
	return header{
		Command: "cd scripts/record/protobuf && go run . -fields ../../../src/kube/data/protobuf-fields.json.gz -golden golden.json.gz -formats formats.json",
		Modules: modules,
	}
}

func write(path string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		var readable bytes.Buffer
		encoder := json.NewEncoder(&readable)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", " ")
		if err := encoder.Encode(value); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, readable.Bytes(), 0o644); err != nil {
			log.Fatal(err)
		}
		return
	}
	var packed bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := writer.Write(text); err != nil {
		log.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, packed.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d bytes, %d unpacked\n", path, packed.Len(), len(text))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
