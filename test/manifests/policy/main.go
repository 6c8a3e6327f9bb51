// Reads rendered manifests on standard input and holds them to what a cluster would refuse, or would silently ignore:
// pods to the Pod Security standard `restricted`, by the rules of the API server's own admission plugin, and objects of
// the Prometheus operator to its own types. (Kubernetes' own kinds are held to their JSON schemas elsewhere.)
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	pods, faults := 0, 0
	reader := utilyaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		var head struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		name := head.Kind + "/" + head.Name
		tell := func(what string) {
			faults++
			fmt.Printf("%s: %s\n", name, what)
		}
		pod, err := podOf(head.Kind, document)
		if err != nil {
			tell(err.Error())
		}
		if pod == nil {
			continue
		}
		pods++
		for _, version := range []api.Version{api.MajorMinorVersion(1, 31), api.LatestVersion()} {
			level := api.LevelVersion{Level: api.LevelRestricted, Version: version}
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
			if !result.Allowed {
				tell(fmt.Sprintf("not %s: %s", level.String(), result.ForbiddenDetail()))
			}
		}
	}
	if faults > 0 {
		os.Exit(1)
	}
	if pods == 0 {
		fmt.Fprintln(os.Stderr, "no pod in what was given")
		os.Exit(2)
	}
	fmt.Printf("%d pods are restricted\n", pods)
}

func podOf(kind string, document []byte) (*corev1.PodTemplateSpec, error) {
	switch kind {
	case "Pod":
		var object corev1.Pod
		err := yaml.UnmarshalStrict(document, &object)
		return &corev1.PodTemplateSpec{ObjectMeta: object.ObjectMeta, Spec: object.Spec}, err
	case "Deployment":
		var object appsv1.Deployment
		err := yaml.UnmarshalStrict(document, &object)
		return &object.Spec.Template, err
	case "Job":
		var object batchv1.Job
		err := yaml.UnmarshalStrict(document, &object)
		return &object.Spec.Template, err
	case "CronJob":
		var object batchv1.CronJob
		err := yaml.UnmarshalStrict(document, &object)
		return &object.Spec.JobTemplate.Spec.Template, err
	case "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController":
		return nil, errors.New("this kind has pods too: teach them to be looked at")
	case "PodMonitor":
		return nil, yaml.UnmarshalStrict(document, &monitoring.PodMonitor{})
	case "PrometheusRule":
		return nil, yaml.UnmarshalStrict(document, &monitoring.PrometheusRule{})
	}
	return nil, nil
}
