"""What this provider offers to Airflow. Imports nothing: Airflow reads it at every start."""


def get_provider_info() -> dict[str, object]:
    """The provider's description (schema: ``airflow/provider_info.schema.json``)."""
    name = "AI generation gateways"

    def field(label: str, description: str, **schema: object) -> dict[str, object]:
        default = schema.get("default")
        if default is not None:
            shown = ("yes" if default else "no") if isinstance(default, bool) else default
            description += f" Default: {shown}."
        return {"label": label, "description": description, "schema": schema}

    def assumed(label: str, description: str, **schema: object) -> dict[str, object]:
        """A reading of what the vendor does not document; the form says that it is one."""
        text = f"{description} The vendor does not document this: leave it, unless requests are refused because of it."
        return field(f"Assumption: {label}", text, **schema)

    common_fields = {
        "allow_private_hosts": field(
            "Allow private hosts",
            "Download artifacts from private addresses, too. The sandbox needs this.",
            type=["boolean", "null"],
            default=False,
        ),
        "max_artifact_mib": field(
            "Largest artifact (MiB)",
            "Larger artifacts are refused.",
            type=["number", "null"],
            default=256,
            minimum=1,
        ),
        "max_inline_mib": field(
            "Largest answer (MiB)",
            "Longer answers, such as a finished job with its images inside, are refused.",
            type=["number", "null"],
            default=256,
            minimum=1,
        ),
        "max_pixels": field(
            "Largest image (pixels)",
            "Images with more pixels are refused before they are decoded.",
            type=["integer", "null"],
            default=200_000_000,
            minimum=1,
        ),
        "max_artifacts": field(
            "Artifacts of a job",
            "Further artifacts of one job are not saved.",
            type=["integer", "null"],
            default=256,
            minimum=1,
            maximum=100_000,
        ),
        "max_job_mib": field(
            "Largest job (MiB)",
            "What goes beyond this with all artifacts of one job together is refused.",
            type=["number", "null"],
            default=4096,
            minimum=1,
        ),
        "save_timeout": field(
            "Time to save a job (s)",
            "How long one try of a task may save the artifacts of its job. A retry goes on.",
            type=["number", "null"],
            default=3600,
            minimum=1,
            maximum=86400,
        ),
        "connect_timeout": field(
            "Connect timeout (s)",
            "How long to wait for a connection.",
            type=["number", "null"],
            default=10,
            minimum=0.1,
        ),
        "read_timeout": field(
            "Read timeout (s)",
            "How long to wait for an answer to a poll or submission.",
            type=["number", "null"],
            default=30,
            minimum=0.1,
        ),
        "generate_timeout": field(
            "Generation timeout (s)",
            "How long to wait for a synchronous generation, which holds its worker.",
            type=["number", "null"],
            default=300,
            minimum=1,
        ),
        "max_in_flight_polls": field(
            "Polls in flight",
            "How many polls one triggerer sends at once. A poll may count against the account's concurrency, so it "
            "is 1 if this is empty.",
            type=["integer", "null"],
            minimum=1,
            maximum=1000,
        ),
        "auth_grace": field(
            "Grace for a refused key (s)",
            "How long a refused key (401, 403) is tolerated while waiting for a paid job.",
            type=["number", "null"],
            default=900,
            minimum=0,
            maximum=86400,
        ),
        "definite_refusals": field(
            "Definite refusals",
            "The vendor's errors that mean nothing was accepted, as status:code, comma-separated.",
            type=["string", "null"],
        ),
        "cancel_on_kill": field(
            "Cancel on kill",
            "Cancel the job of a task that a person ended, where the gateway can (runs of OpenGPU Relay's workflows).",
            type=["boolean", "null"],
            default=False,
        ),
        "proxy": field(
            "Proxy URL",
            "Used for submissions, polls and downloads.",
            type=["string", "null"],
            format="password",
        ),
        "strict_proxy": field(
            "Strict behind a proxy",
            "Behind a proxy, refuse artifacts from host names that the worker cannot resolve to public addresses.",
            type=["boolean", "null"],
            default=False,
        ),
        "ca_path": field(
            "CA file", "Trusted certificates, instead of the system's.", type=["string", "null"]
        ),
    }

    def behaviour(host: str) -> dict[str, object]:
        return {
            "hidden-fields": ["login", "schema", "extra"],
            "relabeling": {"password": "API key", "host": "Host"},
            "placeholders": {"host": host},
        }

    return {
        "package-name": "airflow-provider-orux",
        "name": name,
        "description": "Images, audio and video through Orux AI, YEScale and OpenGPU Relay: paid once, kept, seen.",
        "integrations": [{"integration-name": name, "tags": ["service"]}],
        "operators": [
            {
                "integration-name": name,
                "python-modules": [
                    "airflow_provider_orux.operators.images",
                    "airflow_provider_orux.operators.midjourney",
                    "airflow_provider_orux.operators.jobs",
                    "airflow_provider_orux.operators.review",
                    "airflow_provider_orux.operators.budget",
                ],
            }
        ],
        "sensors": [{"integration-name": name, "python-modules": ["airflow_provider_orux.sensors.jobs"]}],
        "hooks": [
            {
                "integration-name": name,
                "python-modules": [
                    "airflow_provider_orux.hooks.base",
                    "airflow_provider_orux.hooks.orux",
                    "airflow_provider_orux.hooks.yescale",
                    "airflow_provider_orux.hooks.opengpu_relay",
                ],
            }
        ],
        "triggers": [{"integration-name": name, "python-modules": ["airflow_provider_orux.triggers.jobs"]}],
        "connection-types": [
            {
                "connection-type": "orux",
                "hook-class-name": "airflow_provider_orux.hooks.orux.OruxHook",
                "hook-name": "Orux AI",
                "ui-field-behaviour": behaviour("https://orux.top"),
                "conn-fields": {
                    **common_fields,
                    "route": field(
                        "Route of images",
                        "sync: the documented endpoint; async: a job, whose body for images is inferred; "
                        "auto: async if the task waits deferred.",
                        type=["string", "null"],
                        enum=["auto", "sync", "async"],
                        default="auto",
                    ),
                    "midjourney_path": assumed(
                        "path of Midjourney",
                        "Where Midjourney jobs are submitted.",
                        type=["string", "null"],
                        default="/api/v1/tasks",
                    ),
                    "imagine_action": assumed(
                        "action of an imagine",
                        "Whether an imagine says action=imagine.",
                        type=["string", "null"],
                        enum=["omit", "send"],
                        default="omit",
                    ),
                    "reroll_index": assumed(
                        "index of a reroll",
                        "Whether a reroll sends an index. The vendor's text sends an index, its diagram does not.",
                        type=["string", "null"],
                        enum=["omit", "send"],
                        default="omit",
                    ),
                    "follow_up_model": assumed(
                        "model of follow-ups",
                        "Whether upscale, variation and reroll repeat the model.",
                        type=["string", "null"],
                        enum=["send", "omit"],
                        default="send",
                    ),
                    "midjourney_references": assumed(
                        "reference images of Midjourney",
                        "The field of Midjourney's reference images; refuse: send none. The vendor's text has them, "
                        "the model's table has not.",
                        type=["string", "null"],
                        enum=["reference_images", "reference_image_url", "refuse"],
                        default="reference_images",
                    ),
                    "veo_image_field": assumed(
                        "field of Veo's image",
                        "The name of the field of the image that a Veo clip begins with.",
                        type=["string", "null"],
                        enum=["image_url", "image"],
                        default="image_url",
                    ),
                    "suno_step": assumed(
                        "steps of Suno",
                        "Whether a step on a Suno song is a model of its own (suno-extend) or an action on the parent.",
                        type=["string", "null"],
                        enum=["model", "action"],
                        default="model",
                    ),
                    "suno_parent_field": assumed(
                        "parent of a Suno step",
                        "The field with which a step names the job that made the song.",
                        type=["string", "null"],
                        default="parent_task_id",
                    ),
                    "webhook_field": assumed(
                        "field of the webhook",
                        "The name of webhook_url on the wire; a tip of the vendor calls it callback_url.",
                        type=["string", "null"],
                        enum=["webhook_url", "callback_url"],
                        default="webhook_url",
                    ),
                },
            },
            {
                "connection-type": "yescale",
                "hook-class-name": "airflow_provider_orux.hooks.yescale.YEScaleHook",
                "hook-name": "YEScale",
                "ui-field-behaviour": behaviour("https://api.yescale.io"),
                "conn-fields": {
                    **common_fields,
                    "route": field(
                        "Route of custom requests",
                        "Where a CustomRequest goes. Every known model has only one route.",
                        type=["string", "null"],
                        enum=["sync", "async"],
                        default="sync",
                    ),
                    "midjourney_path": assumed(
                        "path of Midjourney",
                        "Prefix of the Midjourney routes.",
                        type=["string", "null"],
                        default="/mj",
                    ),
                    "reroll_index": assumed(
                        "index of a reroll",
                        "Whether a reroll sends an index. The gateway layer requires one, the upstream ignores it.",
                        type=["string", "null"],
                        enum=["send", "omit"],
                        default="send",
                    ),
                    "blend_bot": assumed(
                        "bot of a blend",
                        "Whether a blend names its bot, as imagine and describe do.",
                        type=["string", "null"],
                        enum=["send", "omit"],
                        default="send",
                    ),
                    "batch_fetch": assumed(
                        "polls in batches",
                        "Whether many Midjourney jobs are polled in one request, as the upstream can.",
                        type=["string", "null"],
                        enum=["off", "on"],
                        default="off",
                    ),
                    "media_image": assumed(
                        "images of Media",
                        "How YEScale Media gets images: as data: URLs or as bare base64.",
                        type=["string", "null"],
                        enum=["data_url", "base64"],
                        default="data_url",
                    ),
                    "ideogram_path": assumed(
                        "path of Ideogram",
                        "Prefix of the routes of Ideogram 3.0.",
                        type=["string", "null"],
                        default="/ideogram/v1/ideogram-v3",
                    ),
                    "kling_path": assumed(
                        "path of Kling",
                        "Prefix of the routes of Kling's images.",
                        type=["string", "null"],
                        default="/kling/v1/images",
                    ),
                    "kling_video_path": assumed(
                        "path of Kling's clips",
                        "Prefix of the routes of Kling's videos.",
                        type=["string", "null"],
                        default="/kling/v1/videos",
                    ),
                    "pika_path": assumed(
                        "path of Pika",
                        "Where Pika's videos are submitted. Where they are polled is documented.",
                        type=["string", "null"],
                        default="/pika/generate",
                    ),
                    "runway_path": assumed(
                        "path of Runway",
                        "Where Runway's videos are submitted. Some gateways have /runway/pro/generate.",
                        type=["string", "null"],
                        default="/runwayml/v1/image_to_video",
                    ),
                    "runway_task_path": assumed(
                        "path of Runway's tasks",
                        "Where Runway's videos are polled. Some gateways have /runway/feed.",
                        type=["string", "null"],
                        default="/runwayml/v1/tasks",
                    ),
                    "video_image": assumed(
                        "images of Luma and Pika",
                        "How Luma and Pika get images that are no URLs: as bare base64 or as data: URLs.",
                        type=["string", "null"],
                        enum=["base64", "data_url"],
                        default="base64",
                    ),
                    "suno_path": assumed(
                        "path of Suno",
                        "Prefix of the routes of Suno.",
                        type=["string", "null"],
                        default="/suno",
                    ),
                    "chat_path": assumed(
                        "path of chat",
                        "Where Gemini images are made: OpenAI's chat interface.",
                        type=["string", "null"],
                        default="/v1/chat/completions",
                    ),
                    "edits_path": assumed(
                        "path of edits",
                        "Where images are edited: OpenAI's path.",
                        type=["string", "null"],
                        default="/v1/images/edits",
                    ),
                    "qwen_edit_body": assumed(
                        "body of Qwen's edit",
                        "Whether qwen-image-edit takes a form, as OpenAI's models do, or JSON.",
                        type=["string", "null"],
                        enum=["multipart", "json"],
                        default="multipart",
                    ),
                    "access_key": field(
                        "Access key of the account",
                        "For the account's balance, which is not told to an API key.",
                        type=["string", "null"],
                        format="password",
                    ),
                    "account_host": field(
                        "Host of the account",
                        "Where the balance is asked for.",
                        type=["string", "null"],
                        default="https://yescale.bogia.app",
                    ),
                    "probe_path": assumed(
                        "path of the test",
                        "What the connection test requests.",
                        type=["string", "null"],
                        default="/v1/models",
                    ),
                },
            },
            {
                "connection-type": "opengpu_relay",
                "hook-class-name": "airflow_provider_orux.hooks.opengpu_relay.OpenGPURelayHook",
                "hook-name": "OpenGPU Relay",
                "ui-field-behaviour": behaviour("https://relaygpu.com"),
                "conn-fields": {
                    **common_fields,
                    "generation": field(
                        "Generation",
                        "Which generation of the API: 2 (current) or 1.",
                        type=["integer", "null"],
                        enum=[2, 1],
                        default=2,
                    ),
                    "route": field(
                        "Route",
                        "auto: asynchronous on generation 2, synchronous on generation 1.",
                        type=["string", "null"],
                        enum=["auto", "sync", "async"],
                        default="auto",
                    ),
                    "store_output": field(
                        "Keep results",
                        "How long generation 2 keeps images. auto: a day if they will be saved.",
                        type=["string", "null"],
                        enum=["auto", "provider", "relay1d", "relay7d", "relay30d"],
                        default="auto",
                    ),
                    "file_retention": field(
                        "Keep input files",
                        "How long generation 2 keeps an uploaded input file. More than an hour costs a fee.",
                        type=["string", "null"],
                        enum=["relay1h", "relay1d", "relay7d", "relay30d"],
                        default="relay1h",
                    ),
                    "key_header": field(
                        "Key header",
                        "The header that carries the key.",
                        type=["string", "null"],
                        enum=["X-API-Key", "Authorization"],
                        default="X-API-Key",
                    ),
                    "send_model": assumed(
                        "model in the body",
                        "Whether a request names the model although its route implies it.",
                        type=["string", "null"],
                        enum=["omit", "send"],
                        default="omit",
                    ),
                },
            },
        ],
        "extra-links": [
            "airflow_provider_orux.links.artifact.OruxGalleryLink",
            "airflow_provider_orux.links.artifact.OruxArtifactLink",
            "airflow_provider_orux.links.artifact.OruxManifestLink",
            "airflow_provider_orux.links.artifact.OruxJobLink",
        ],
        "task-decorators": [
            {
                "name": "orux_image",
                "class-name": "airflow_provider_orux.decorators.orux_image.orux_image_task",
            },
            {
                "name": "orux_job",
                "class-name": "airflow_provider_orux.decorators.orux_job.orux_job_task",
            },
            {
                "name": "orux_imagine",
                "class-name": "airflow_provider_orux.decorators.midjourney.orux_imagine_task",
            },
            {
                "name": "orux_upscale",
                "class-name": "airflow_provider_orux.decorators.midjourney.orux_upscale_task",
            },
            {
                "name": "orux_variation",
                "class-name": "airflow_provider_orux.decorators.midjourney.orux_variation_task",
            },
        ],
        "cli": ["airflow_provider_orux.cli.commands.get_commands"],
        "config": {
            "orux": {
                "description": "Settings of the provider for AI generation gateways.",
                "options": {
                    "deferrable": {
                        "description": "Whether operators and sensors wait in the triggerer instead of a worker.",
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "True",
                    },
                    "ledger_path": {
                        "description": "Folder of the ledger (an ObjectStoragePath URI all workers share), instead "
                        "of Airflow's task state store. Needed below Airflow 3.3. local: a folder below AIRFLOW_HOME, "
                        "for an Airflow on one machine.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://bucket/orux-ledger",
                        "default": "",
                    },
                    "ledger_conn_id": {
                        "description": "Airflow connection of the store that ledger_path names, if it needs one.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "aws_default",
                        "default": "",
                    },
                    "results_path": {
                        "description": "Folder (an ObjectStoragePath URI that all workers share) in which "
                        "reuse='always' looks for earlier results.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://bucket/orux-results",
                        "default": "",
                    },
                    "input_roots": {
                        "description": "Folders (paths or ObjectStoragePath URIs, comma-separated) below which input "
                        "files may be used whose names come from templates, other tasks or functions.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://bucket/photos, /data/images",
                        "default": "",
                    },
                    "signed_url_seconds": {
                        "description": "Seconds that a presigned URL lives: of a stored file that a gateway fetches "
                        "itself. From 60 to 604800.",
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "3600",
                        "default": "86400",
                    },
                    "prices": {
                        "description": "Prices for the estimate, as JSON: "
                        '{"orux": {"currency": "credits", "midjourney-v7": 20, "midjourney-v7:upscale": 5}}.',
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "",
                    },
                    "gallery": {
                        "description": "Whether the Airflow UI shows the gallery: a tab on DAG, DAG run and task, and "
                        "a page under Browse.",
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "True",
                    },
                    "gallery_roots": {
                        "description": "Folders (URIs or absolute paths, separated by commas) from which the gallery "
                        "shows files. Empty: it shows facts, but no files.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@content/images, /data/images",
                        "default": "",
                    },
                    "job_pages": {
                        "description": "Addresses of a job in the gateway's own pages, as JSON by connection or "
                        "gateway, with {job_id} in them. No gateway documents one.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"orux": "https://example.com/jobs/{job_id}"}',
                        "default": "",
                    },
                    "price_lists": {
                        "description": "Whether the price list of a gateway that has one (OpenGPU Relay) is read for a "
                        "job whose price [orux] prices does not name. Reading it is free.",
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "True",
                    },
                    "thumbnails": {
                        "description": "Whether a small WebP is written beside each saved image, for the gallery.",
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "True",
                    },
                },
            }
        },
    }
