"""The same limits as CloudWatch alarms, in a CloudFormation template: for the servers that the plan names."""

from typing import Any

from scenarios.schema import Alert

_PERIOD_S, _PERIODS = 60, 5  # as Prometheus: five minutes
_AVERAGE = {"Statistic": "Average"}
_PARAMETERS = {
    "AlarmTopic": "ARN of the SNS topic that is told",
    "LoadBalancer": "the ALB's full name: app/NAME/ID, as in its ARN",
    "AutoScalingGroup": "of the app servers",
    "CacheCluster": "the ElastiCache node",
    "MetricsNamespace": "where the CloudWatch agent puts what it scrapes from /metrics and the machine",
}


def template(alerts: dict[str, Alert]) -> dict[str, Any]:
    """The template's content; an alarm for each alert that has a limit."""
    parameters = {name: {"Type": "String", "Description": text} for name, text in _PARAMETERS.items()}
    parameters["MetricsNamespace"]["Default"] = "Matchday"
    resources = {
        f"Alarm{''.join(word.capitalize() for word in key.split('_'))}": _alarm(key, alert, alert.limit)
        for key, alert in alerts.items()
        if alert.limit is not None
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Alarms of a dating backend on AWS, with the limits of scenarios/targets.toml",
        "Parameters": parameters,
        "Resources": resources,
    }


def _alarm(key: str, alert: Alert, limit: float) -> dict[str, Any]:
    above = alert.better == "lower"
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": {"Fn::Sub": f"${{AWS::StackName}}-{key}"},
            "AlarmDescription": f"{alert.title}: {alert.what}",
            "AlarmActions": [{"Ref": "AlarmTopic"}],
            "OKActions": [{"Ref": "AlarmTopic"}],
            "ComparisonOperator": "GreaterThanThreshold" if above else "LessThanThreshold",
            "Threshold": limit / 1000 if alert.metric == "api_latency_ms" else limit,
            "EvaluationPeriods": _PERIODS,
            "DatapointsToAlarm": _PERIODS,
            "TreatMissingData": "notBreaching",
            **_measured(alert),
        },
    }


def _measured(alert: Alert) -> dict[str, Any]:
    balancer = {"LoadBalancer": {"Ref": "LoadBalancer"}}
    group = {"AutoScalingGroupName": {"Ref": "AutoScalingGroup"}}
    ours = {"Ref": "MetricsNamespace"}
    match alert.metric:
        case "station_cpu_percent":
            return _one("AWS/EC2", "CPUUtilization", group, _AVERAGE)
        case "machine_memory_percent":  # the CloudWatch agent's
            return _one(ours, "mem_used_percent", group, _AVERAGE)
        case "mongo_pool_percent":
            in_use = _query("in_use", ours, "matchday_mongo_connections_in_use", group, "Maximum")
            size = _query("size", ours, "matchday_mongo_pool_size", group, "Maximum")
            return _ratio("100 * in_use / size", in_use, size)
        case "api_latency_ms":  # CloudWatch has seconds
            percentile = {"ExtendedStatistic": f"p{alert.percentile:g}"}
            return _one("AWS/ApplicationELB", "TargetResponseTime", balancer, percentile)
        case "error_percent":
            failed = _query("failed", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", balancer, "Sum")
            asked = _query("asked", "AWS/ApplicationELB", "RequestCount", balancer, "Sum")
            return _ratio("100 * FILL(failed, 0) / asked", failed, asked)
        case "cache_hit_percent":
            return _one("AWS/ElastiCache", "CacheHitRate", {"CacheClusterId": {"Ref": "CacheCluster"}}, _AVERAGE)
        case "open_sockets":
            return _one(ours, "matchday_open_sockets", group, {"Statistic": "Sum"})
        case "queue_backlog":
            return _one(ours, "matchday_queue_backlog", group, {"Statistic": "Maximum"})


def _one(namespace: Any, metric: str, dimensions: dict[str, Any], statistic: dict[str, str]) -> dict[str, Any]:
    return {
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": _dimensions(dimensions),
        "Period": _PERIOD_S,
        **statistic,
    }


def _ratio(expression: str, *queries: dict[str, Any]) -> dict[str, Any]:
    return {"Metrics": [{"Id": "value", "Expression": expression, "ReturnData": True}, *queries]}


def _query(name: str, namespace: Any, metric: str, dimensions: dict[str, Any], statistic: str) -> dict[str, Any]:
    what = {"Namespace": namespace, "MetricName": metric, "Dimensions": _dimensions(dimensions)}
    return {"Id": name, "MetricStat": {"Metric": what, "Period": _PERIOD_S, "Stat": statistic}, "ReturnData": False}


def _dimensions(dimensions: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]
