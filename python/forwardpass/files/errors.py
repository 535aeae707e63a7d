"""The one exception of files that are not what they should be."""


class ModelFileError(ValueError):
    """A model file that is damaged, malicious, of another format, or of another network than it says.

    Examples
    --------
    >>> import forwardpass as fp, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.npz"
    >>> _ = path.write_bytes(b"no zip file")
    >>> try:
    ...     fp.load(path)
    ... except fp.ModelFileError as error:
    ...     print(str(error).replace(str(path), "net.npz"))
    net.npz: not a zip file of NumPy arrays: File is not a zip file
    """
