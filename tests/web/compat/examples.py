"""What the original service's public pages on its two models show: answers, and requests by curl."""

from typing import Final

SELF_HARM_IMAGE: Final = """\
{
    "status": "success",
    "request": {
        "id": "req_gcTp4s63IAAni0lFOT7KK",
        "timestamp": 1714997478.552115,
        "operations": 1
    },
    "self-harm": {
        "prob": 0.01,
        "type": {
            "real": 0.01,
            "fake": 0.01,
            "animated": 0.01
        }
    },
    "media": {
        "id": "med_gcTpqyOZ18IMsiMe4Ar28",
        "uri": "https://sightengine.com/img/examples/example-fac-1000.jpg"
    }
}
"""

SELF_HARM_VIDEO: Final = """\
{
  "status": "success",
    "request": {
    "id": "req_gmgHNy8oP6nvXYaJVLq9n",
    "timestamp": 1717159864.348989,
    "operations": 21
  },
  "data": {
  "frames": [
    {
      "info": {
        "id": "med_gmgHcUOwe41rWmqwPhVNU_1",
        "position": 0
      },
      "self-harm": {
        "prob": 0.01,
        "type": {
          "real": 0.01,
          "fake": 0.01,
          "animated": 0.01
        }
      },
     },
     ...
    ]
  },
  "media": {
    "id": "med_gmgHcUOwe41rWmqwPhVNU",
    "uri": "yourfile.mp4"
  },
}
"""

GORE_IMAGE: Final = """\
{
"status": "success",
"request": {
"id": "req_glra5CGwKiJOgQIKG2xMe",
"timestamp": 1716968170.907796,
"operations": 1
},
"gore": {
"prob": 0.01,
"classes": {
"very_bloody": 0.01,
"slightly_bloody": 0.01,
"body_organ": 0.01,
"serious_injury": 0.01,
"superficial_injury": 0.01,
"corpse": 0.01,
"skull": 0.01,
"unconscious": 0.01,
"body_waste": 0.01,
"other": 0.01
},
"type": {
"animated": 0.01,
"fake": 0.01,
"real": 0.01
}
},
"media": {
"id": "med_glra5aI8HdK23yzRwsWjs",
"uri": "https://sightengine.com/assets/img/examples/example-fac-1000.jpg"
}
}
"""

GORE_VIDEO: Final = """\
{
"status": "success",
"request": {
"id": "req_gmgHNy8oP6nvXYaJVLq9n",
"timestamp": 1717159864.348989,
"operations": 21
},
"data": {
"frames": [
{
"info": {
"id": "med_gmgHcUOwe41rWmqwPhVNU_1",
"position": 0
},
"gore": {
"prob": 0.01,
"classes": {
"very_bloody": 0.01,
"slightly_bloody": 0.01,
"body_organ": 0.01,
"serious_injury": 0.01,
"superficial_injury": 0.01,
"corpse": 0.01,
"skull": 0.01,
"unconscious": 0.01,
"body_waste": 0.01,
"other": 0.01
},
"type": {
"animated": 0.01,
"fake": 0.01,
"real": 0.01
}
},
},
...
]
},
"media": {
"id": "med_gmgHcUOwe41rWmqwPhVNU",
"uri": "yourfile.mp4"
},
}
"""

CURLS: Final = (
    r"""curl -X GET -G 'https://api.sightengine.com/1.0/check.json' \
    -d 'models=self-harm' \
    -d 'api_user={api_user}&api_secret={api_secret}' \
    --data-urlencode 'url=https://sightengine.com/assets/img/examples/example-fac-1000.jpg'""",
    r"""curl -X POST 'https://api.sightengine.com/1.0/check.json' \
    -F 'media=@/path/to/image.jpg' \
    -F 'models=self-harm' \
    -F 'api_user={api_user}' \
    -F 'api_secret={api_secret}'""",
    r"""curl -X POST 'https://api.sightengine.com/1.0/video/check-sync.json' \
    -F 'media=@/path/to/video.mp4' \
    -F 'models=self-harm' \
    -F 'api_user={api_user}' \
    -F 'api_secret={api_secret}'""",
    r"""curl -X POST 'https://api.sightengine.com/1.0/video/check.json' \
    -F 'media=@/path/to/video.mp4' \
    -F 'models=self-harm' \
    -F 'callback_url=https://yourcallback/path' \
    -F 'api_user={api_user}' \
    -F 'api_secret={api_secret}'""",
    r"""curl -X GET -G 'https://api.sightengine.com/1.0/video/check.json' \
    --data-urlencode 'stream_url=https://domain.tld/path/video.m3u8' \
    -d 'models=self-harm' \
    -d 'callback_url=https://your.callback.url/path' \
    -d 'api_user={api_user}' \
    -d 'api_secret={api_secret}'""",
    r"""curl -X GET -G 'https://api.sightengine.com/1.0/check.json' \
    -d 'models=gore-2.0' \
    -d 'api_user={api_user}&api_secret={api_secret}' \
    --data-urlencode 'url=https://sightengine.com/assets/img/examples/example-fac-1000.jpg'""",
    r"""curl -X POST 'https://api.sightengine.com/1.0/check.json' \
    -F 'media=@/path/to/image.jpg' \
    -F 'models=gore-2.0' \
    -F 'api_user={api_user}' \
    -F 'api_secret={api_secret}'""",
    r"""curl -X POST 'https://api.sightengine.com/1.0/video/check-sync.json' \
    -F 'media=@/path/to/video.mp4' \
    -F 'models=gore-2.0' \
    -F 'api_user={api_user}' \
    -F 'api_secret={api_secret}'""",
    r"""curl -X POST 'https://api.sightengine.com/1.0/video/check.json' \
    -F 'media=@/path/to/video.mp4' \
    -F 'models=gore-2.0' \
    -F 'callback_url=https://yourcallback/path' \
    -F 'api_user={api_user}' \
    -F 'api_secret={api_secret}'""",
    r"""curl -X GET -G 'https://api.sightengine.com/1.0/video/check.json' \
    --data-urlencode 'stream_url=https://domain.tld/path/video.m3u8' \
    -d 'models=gore-2.0' \
    -d 'callback_url=https://your.callback.url/path' \
    -d 'api_user={api_user}' \
    -d 'api_secret={api_secret}'""",
)
