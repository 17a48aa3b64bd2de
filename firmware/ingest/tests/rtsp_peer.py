"""An RTSP server that nobody here wrote (GStreamer's), for tests/rtsp_peer.rs.

Prints its port on the first line, then serves until its standard input ends. Mounts: /h264 with G.711 audio, /h265, /mjpeg
with AAC audio; each again under /locked behind Digest (user ann, password secret). With a certificate and a key as
arguments it speaks TLS.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)

PICTURE = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,format=I420,framerate=25/1"
MOUNTS = {
    "h264": f"( {PICTURE} ! openh264enc gop-size=25 bitrate=400000 ! h264parse ! rtph264pay name=pay0 pt=96"
    " audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 )",
    "h265": f"( {PICTURE} ! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! h265parse"
    " ! rtph265pay name=pay0 pt=96 )",
    "mjpeg": f"( {PICTURE} ! jpegenc ! rtpjpegpay name=pay0 audiotestsrc is-live=true ! audio/x-raw,rate=16000,channels=1"
    " ! avenc_aac ! rtpmp4gpay name=pay1 pt=97 )",
}

server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")

auth = GstRtspServer.RTSPAuth()
auth.set_supported_methods(GstRtspServer.RTSPAuth.get_supported_methods(auth))
anyone = GstRtspServer.RTSPToken()
anyone.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "anyone")
auth.set_default_token(anyone)
ann = GstRtspServer.RTSPToken()
ann.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "ann")
try:
    from gi.repository import GstRtsp

    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
except (ImportError, AttributeError):
    auth.set_supported_methods(2)
auth.add_digest("ann", "secret", ann)
if len(sys.argv) == 3:
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(sys.argv[1], sys.argv[2]))
server.set_auth(auth)

for name, launch in MOUNTS.items():
    for path, roles in ((f"/{name}", ("anyone", "ann")), (f"/locked/{name}", ("ann",))):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(launch)
        factory.set_shared(True)
        for role in roles:
            s = Gst.Structure.new_empty(role)
            s.set_value(GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
            s.set_value(GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, True)
            factory.add_role_from_structure(s)
        if "anyone" not in roles:
            s = Gst.Structure.new_empty("anyone")
            s.set_value(GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
            s.set_value(GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, False)
            factory.add_role_from_structure(s)
        server.get_mount_points().add_factory(path, factory)

server.attach(None)
loop = GLib.MainLoop()
print(server.get_bound_port(), flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
loop.run()
