"""The HTTP client of an Image API, on urllib3: how to log in, requests and streams, and the operations on images.

It knows no command line: it raises `ClientError` with a sentence and returns plain values.
"""
